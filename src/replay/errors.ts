import { XtokendError } from '../errors.js';

/** The replay cache can't be used: `code` is `'replay-cache-unavailable'`. The message says what to do. */
export class ReplayCacheError extends XtokendError {
  constructor(message: string, options?: ErrorOptions) {
    super('replay-cache-unavailable', message, options);
  }
}
