/** The path of the configuration if neither an option nor a variable names one. */
export const DEFAULT_FILE = '/etc/xtokend/xtokend.toml';

/** The configuration that is used, and how it was chosen. */
export interface Location {
  readonly file: string;
  /** All three sources in their order, for the message that nothing was found. */
  readonly tried: readonly string[];
}

/**
 * Returns the path of the configuration: the first of option, variable and default.
 *
 * @param option the value of `--config`, if it is given
 * @param env the environment: `XTOKEND_CONFIG`
 */
export function locateConfiguration(option: string | undefined, env: NodeJS.ProcessEnv): Location {
  const variable = env['XTOKEND_CONFIG'] === '' ? undefined : env['XTOKEND_CONFIG'];
  return {
    file: option ?? variable ?? DEFAULT_FILE,
    tried: [
      `--config: ${option ?? 'not given'}`,
      `$XTOKEND_CONFIG: ${variable ?? 'not set'}`,
      `the default: ${DEFAULT_FILE}`,
    ],
  };
}
