import { XtokendError } from '../errors.js';

/** One thing that is wrong with a configuration. */
export interface Problem {
  /** The setting, such as `hosts."example.com".otp_seed`, or a line of the file. */
  readonly where: string;
  /** What was expected, what was there and what to do; never a secret. */
  readonly message: string;
}

/** A configuration that cannot be used, with all that is wrong with it: `code` is `'invalid-configuration'`. */
export class ConfigurationError extends XtokendError {
  readonly problems: readonly Problem[];

  /** @param file the file that was read; @param problems at least one */
  constructor(file: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    const list = problems.map(({ where, message }) => `\n  ${where}: ${message}`).join('');
    super('invalid-configuration', `${file}: ${count}${list}`);
    this.problems = problems;
  }
}

/** No configuration was found, or it cannot be read: `code` is `'unreadable-configuration'`. */
export class UnreadableConfigurationError extends XtokendError {
  constructor(message: string, options?: ErrorOptions) {
    super('unreadable-configuration', message, options);
  }
}
