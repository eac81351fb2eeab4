/**
 * The base of every error that xtokend throws on purpose. The message is for a person: what was expected,
 * what was there, and what to do. It never holds a secret or a token.
 */
export class XtokendError extends Error {
  /** A stable name for programs to switch on, such as `'invalid-jid'`. */
  readonly code: string;

  /** @param code a stable name; @param message for a person */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A JID that no server would send: `code` is `'invalid-jid'`. */
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

/** @returns the message of what was thrown, which can be anything */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Says how a program that was run has failed. What it wrote to stderr is not repeated: nobody knows what that holds. */
export function failureOf(error: unknown): string {
  const code = codeOf(error);
  if (typeof code === 'number') return `it ended with ${code}`;
  return typeof code === 'string' ? `it cannot be run (${code})` : 'it took too long, or was killed';
}

/** @returns the `code` of what was thrown, such as `'ENOENT'`, where it has one */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
