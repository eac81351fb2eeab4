/** The stable name of each error that xtokend throws on purpose. The text of a message can change, a code does not. */
export type ErrorCode =
  /** A JID that chat servers never send, or that they could take for different users. */
  | 'invalid-jid'
  /** An `otp_seed` or `token_secret` that is too short, or not base32. */
  | 'invalid-secret'
  /** A setting of the configuration is wrong. */
  | 'invalid-configuration'
  /** The configuration is missing or cannot be read. */
  | 'unreadable-configuration'
  /** A list of users is missing, invalid or cannot be read. */
  | 'unreadable-list'
  /** The replay cache, or the store of seen users, cannot be used. */
  | 'replay-cache-unavailable'
  /** A socket cannot be opened. */
  | 'cannot-listen'
  /** `xtokend init` cannot write a configuration. */
  | 'cannot-init'
  /** `xtokend revoke` cannot store that a user is revoked. */
  | 'cannot-revoke'
  /** The file of app passwords is missing, invalid, or can't be read or written. */
  | 'app-passwords-unavailable'
  /** An app password, or its label, can't be used. */
  | 'invalid-app-password'
  /** The user already has an app password with this label. */
  | 'duplicate-label'
  /** The daemon kept its previous configuration, or did not answer `xtokend reload`. */
  | 'reload-failed'
  /** The command line is wrong. */
  | 'usage';

/**
 * The base class of all errors that xtokend throws on purpose. The message is written for people: what is wrong, where, and what to
 * do. It never contains a secret or a token.
 */
export class XtokendError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A JID that cannot be used: `code` is `'invalid-jid'`. */
export class InvalidJidError extends XtokendError {
  constructor(message: string) {
    super('invalid-jid', message);
  }
}

/** An `otp_seed` or a `token_secret` that cannot be used: `code` is `'invalid-secret'`. */
export class InvalidSecretError extends XtokendError {
  constructor(message: string) {
    super('invalid-secret', message);
  }
}

/**
 * Checks a parameter of the library, since JavaScript applications often pass a variable of the environment that isn't set.
 *
 * @throws {TypeError} if it is not a string; the message does not repeat it
 */
export function assertString(name: string, value: unknown): void {
  if (typeof value === 'string') return;
  throw new TypeError(`${name}: expected a string, found ${value === null ? 'null' : typeof value}`);
}

/** Returns the message of a thrown value, which need not be an `Error`. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Describes how a program failed. Leaves out its stderr, which could contain a secret. */
export function failureOf(error: unknown): string {
  const code = codeOf(error);
  if (typeof code === 'number') return `it ended with ${code}`;
  return typeof code === 'string' ? `it cannot be run (${code})` : 'it took too long, or was killed';
}

/** Returns the `code` of a thrown value, such as `'ENOENT'`, or `undefined` if it has none. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
