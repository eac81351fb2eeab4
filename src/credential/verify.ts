import { checkCredential } from './check.js';
import type { CredentialCheck } from './credential-check.js';
import { normalizeJid } from './jid/jid.js';
import { createKey } from './key.js';
import type { KeyText } from './key-text.js';
import { millisecondsOf } from './milliseconds.js';

/** What {@link verifyToken} needs. */
export interface VerifyOptions extends KeyText {
  /** What the client sent as its password. */
  readonly token: string;
  /** The bare JID that it logs in as, in any spelling. */
  readonly jid: string;
  /** The instant to judge at; the present one where it is left out. */
  readonly now?: Date;
}

/**
 * Checks a token as the daemon does, except for one thing: it remembers nothing. A caller that lets people in
 * must itself accept each `id` once only, for as long as its `step` can be valid (90 s).
 *
 * @returns `{ accepted: true, step, id }` or `{ accepted: false, reason }`; a bad token is never an exception
 * @throws {@link InvalidJidError} for a JID that no server would send
 * @throws {@link InvalidSecretError} for secrets that cannot be used
 * @throws {RangeError} for an invalid `now`
 *
 * @example
 * ```ts
 * const result = verifyToken({ token, jid: 'alice@example.com', otpSeed, tokenSecret });
 * if (!result.accepted) console.log(result.reason); // 'wrong-otp', for one
 * ```
 */
export function verifyToken({
  token,
  jid,
  otpSeed,
  tokenSecret,
  now = new Date(),
}: VerifyOptions): CredentialCheck {
  const key = createKey({ otpSeed, tokenSecret });
  const check = checkCredential([key], token, normalizeJid(jid), millisecondsOf(now));
  return check.accepted ? { accepted: true, timeStep: check.timeStep, id: check.id } : check;
}
