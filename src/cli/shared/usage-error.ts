import { XtokendError } from '../../errors.js';

/** An invalid command line: `code` is `'usage'`. */
export class UsageError extends XtokendError {
  constructor(message: string) {
    super('usage', message);
  }
}
