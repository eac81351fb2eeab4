/** Where the configuration is when nobody says otherwise. */
export const DEFAULT_FILE = '/etc/xtokend/xtokend.toml';

/** The places where a configuration is looked for, the first that is named wins. */
export interface Location {
  readonly file: string;
  /** All three places, in order, for the message that says that nothing is there. */
  readonly tried: readonly string[];
}

/**
 * @param option the value of `--config`, where it is given
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
