import { XtokendError } from '../errors.js';

/** Something that is wrong with a configuration. */
export interface Problem {
  /** The setting, such as `hosts."example.com".otp_seed`, or a line of the file. */
  readonly where: string;
  /** What was expected, what was found and what to do; never a secret. */
  readonly message: string;
}

/** Collects the problems of a configuration. */
export class Problems {
  readonly list: Problem[] = [];

  /** Adds a problem, unless this setting already has one: several hosts can share an invalid setting. */
  add(path: readonly PropertyKey[], message: string): void {
    const where = settingName(path);
    if (!this.list.some((problem) => problem.where === where)) this.list.push({ where, message });
  }
}

/** Returns the name of a setting as in TOML, such as `hosts."example.com".otp_seed`. */
export function settingName(path: readonly PropertyKey[]): string {
  return path
    .map(String)
    .map((part) => (/^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part)))
    .join('.');
}

/** A configuration that cannot be used, with all its problems: `code` is `'invalid-configuration'`. */
export class ConfigurationError extends XtokendError {
  readonly problems: readonly Problem[];

  /** @param file the path of the configuration; @param problems at least one */
  constructor(file: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    const list = problems.map(({ where, message }) => `\n  ${where}: ${message}`).join('');
    super('invalid-configuration', `${file}: ${count}${list}`);
    this.problems = problems;
  }
}

/** A configuration that is missing or cannot be read: `code` is `'unreadable-configuration'`. */
export class UnreadableConfigurationError extends XtokendError {
  constructor(message: string, options?: ErrorOptions) {
    super('unreadable-configuration', message, options);
  }
}
