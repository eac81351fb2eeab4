import type { Configuration } from '../../config/configuration.js';
import { ConfigurationError, UnreadableConfigurationError } from '../../config/errors.js';
import { loadConfiguration } from '../../config/load.js';
import { locateConfiguration } from '../../config/locate.js';

/** What the checks look at. */
export interface Situation {
  /** The configuration file. */
  readonly file: string;
  /** What stands in it, where that is good. */
  readonly configuration: Configuration | undefined;
  /** Why it is not. */
  readonly fault: ConfigurationError | UnreadableConfigurationError | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** When the program was made, likewise. */
  readonly builtAt: number;
  /** Files that the command line names, where it does. */
  readonly named: NamedFiles;
}

/** Files that the command line can name. */
export interface NamedFiles {
  readonly config?: string;
  readonly socket?: string;
  readonly prosody?: string;
  readonly ejabberd?: string;
}

/** Reads the configuration; one that cannot be used leaves the rest of the machine to look at. */
export async function readSituation(
  named: NamedFiles,
  env: NodeJS.ProcessEnv,
  now: number,
  builtAt: number,
): Promise<Situation> {
  const { file } = locateConfiguration(named.config, env);
  const rest = { file, env, now, builtAt, named };
  try {
    return { ...rest, configuration: await loadConfiguration(named.config, env), fault: undefined };
  } catch (error) {
    if (!(error instanceof ConfigurationError || error instanceof UnreadableConfigurationError)) throw error;
    return { ...rest, configuration: undefined, fault: error };
  }
}
