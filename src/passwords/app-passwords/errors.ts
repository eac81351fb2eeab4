import { XtokendError } from '../../errors.js';

/** A file of app passwords that can't be read or written: `code` is `'app-passwords-unavailable'`. The message says what to do. */
export class AppPasswordFileError extends XtokendError {
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super('app-passwords-unavailable', `the app passwords ${path}: ${reason}`, options);
  }
}

/** A password or a label that can't be used: `code` is `'invalid-app-password'`. The message never repeats the password. */
export class InvalidAppPasswordError extends XtokendError {
  constructor(message: string) {
    super('invalid-app-password', message);
  }
}

/** A label that another app password of the user has: `code` is `'duplicate-label'`. */
export class DuplicateLabelError extends XtokendError {
  constructor(jid: string, label: string) {
    super(
      'duplicate-label',
      `${jid} already has an app password "${label}". Choose another label, or remove it`,
    );
  }
}
