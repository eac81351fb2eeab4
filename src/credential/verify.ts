import { checkCredential, type CredentialCheck } from './check.js';
import { normalizeJid } from './jid/jid.js';
import { createKey, type KeyText } from './key.js';
import { millisecondsOf } from './otp.js';

/** The options of {@link verifyToken}. */
export interface VerifyOptions extends KeyText {
  /** What the client sent as its password. */
  readonly token: string;
  /** The bare JID that the client logs in as, in any spelling. */
  readonly jid: string;
  /** The time to verify at; now by default. */
  readonly now?: Date;
}

/**
 * Verifies a token as the daemon does, but keeps no replay cache. A caller that logs users in must accept each `id` only once, for as
 * long as a token can be valid (90 s).
 *
 * @returns `{ accepted: true, timeStep, id }` or `{ accepted: false, reason }`; an invalid token never throws
 * @throws {@link InvalidJidError} if no server would send the JID
 * @throws {@link InvalidSecretError} if a secret cannot be used
 * @throws {RangeError} if `now` is invalid
 * @throws {TypeError} if the JID or a secret is not a string
 *
 * @example
 * ```ts
 * const result = verifyToken({ token, jid: 'alice@example.com', otpSeed, tokenSecret });
 * if (!result.accepted) console.log(result.reason); // for example 'wrong-otp'
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
