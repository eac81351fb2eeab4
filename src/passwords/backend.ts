import type { BackendSettings } from './settings.js';

/** The name of a back end in the log and the metrics. */
export type BackendName = BackendSettings['kind'];

/** A user, in normalized form, as servers send it. */
export interface PasswordUser {
  readonly user: string;
  readonly host: string;
}

/** A user who logs in with a password. */
export interface PasswordLogin extends PasswordUser {
  /** Not empty, and not shaped like a token. */
  readonly password: string;
}

/** What a back end answered: `disabled` if the password is right, but the account may not log in. */
export type PasswordResult = 'accepted' | 'wrong' | 'disabled';

/** Checks passwords. */
export interface PasswordBackend {
  readonly name: BackendName;
  /**
   * Checks a password.
   *
   * @param signal aborted when nobody waits for the result any more
   * @param origin what causes the request, such as a client address: one origin must not keep others waiting
   * @throws {@link PasswordBackendError} if the back end can't tell, also after `signal` is aborted
   */
  verify(login: PasswordLogin, signal: AbortSignal, origin?: string): Promise<PasswordResult>;
  /**
   * Returns whether a user exists.
   *
   * @param signal aborted when nobody waits for the result any more
   * @param origin what causes the request
   * @throws {@link PasswordBackendError} if the back end can't tell, also after `signal` is aborted
   */
  isUser(user: PasswordUser, signal: AbortSignal, origin?: string): Promise<boolean>;
  /** Ends the back end. Requests in progress may fail. */
  close(): Promise<void>;
}

/**
 * A back end that can't tell whether a password is right. The message goes to the log: it never contains a password or a bearer token,
 * nor text that a program or an application sent, which could repeat one.
 */
export class PasswordBackendError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PasswordBackendError';
  }
}
