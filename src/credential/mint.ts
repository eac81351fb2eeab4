import { normalizeJid } from './jid/jid.js';
import { createKey } from './key.js';
import type { KeyText } from './key-text.js';
import { millisecondsOf } from './milliseconds.js';
import { mintWithKey } from './mint-with-key.js';

/** What {@link mintToken} needs. */
export interface MintOptions extends KeyText {
  /**
   * The user's bare JID, such as `alice@example.com`, in any spelling: `Alice` and `ａlice` are `alice` to chat servers. If your
   * application takes such names for different users, compare what `normalizeJid` makes of them before you create an account.
   */
  readonly jid: string;
  /** The instant to mint for; the present one where it is left out. */
  readonly now?: Date;
}

/**
 * Mints a one-time login token for a user. It is good for one login, from one time step (30 s) before to one
 * time step after the one that `now` lies in.
 *
 * @returns the token, 85 ASCII characters: the client sends it as its password
 * @throws {@link InvalidJidError} for a JID that no server would send, or that servers could take for different users
 * @throws {@link InvalidSecretError} for secrets that cannot be used
 * @throws {RangeError} for an invalid `now`
 *
 * @example
 * ```ts
 * const token = mintToken({ jid: 'alice@example.com', otpSeed, tokenSecret });
 * ```
 */
export function mintToken({ jid, otpSeed, tokenSecret, now = new Date() }: MintOptions): string {
  return mintWithKey(createKey({ otpSeed, tokenSecret }), normalizeJid(jid), millisecondsOf(now));
}
