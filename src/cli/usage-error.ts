import { XtokendError } from '../errors.js';

/** A command line that cannot be carried out: `code` is `'usage'`. */
export class UsageError extends XtokendError {
  constructor(message: string) {
    super('usage', message);
  }
}
