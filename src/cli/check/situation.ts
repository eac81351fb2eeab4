import { resolve } from 'node:path';
import type { Configuration } from '../../config/configuration.js';
import { ConfigurationError, UnreadableConfigurationError } from '../../config/errors.js';
import { loadConfiguration } from '../../config/load.js';
import { DEFAULT_FILE, locateConfiguration } from '../../config/locate.js';
import { findService, type Service } from './service/find-service.js';

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
  /** The service of systemd that reads this configuration. */
  readonly service?: Service | undefined;
  /** Why a service that systemd knows isn't judged. */
  readonly unjudged?: string | undefined;
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
  isService = false,
): Promise<Situation> {
  // The service needn't look for itself.
  const found = isService ? undefined : await findService();
  const option = named.config ?? nameOfService(found, env);
  const { file } = locateConfiguration(option, env);
  const rest = { file, env, now, builtAt, named, ...judged(found, file) };
  try {
    return { ...rest, configuration: await loadConfiguration(option, env), fault: undefined };
  } catch (error) {
    if (!(error instanceof ConfigurationError || error instanceof UnreadableConfigurationError)) throw error;
    return { ...rest, configuration: undefined, fault: error };
  }
}

/** If nobody names a configuration, it is that of the service. */
function nameOfService(service: Service | undefined, env: NodeJS.ProcessEnv): string | undefined {
  const isNamed = (env['XTOKEND_CONFIG'] ?? '') !== '';
  return isNamed || service?.isUsed !== true || service.file === DEFAULT_FILE ? undefined : service.file;
}

function judged(service: Service | undefined, file: string): Pick<Situation, 'service' | 'unjudged'> {
  if (service === undefined) return {};
  if (!service.isUsed) return { unjudged: 'it is neither enabled nor running' };
  if (resolve(file) === resolve(service.file)) return { service };
  return { unjudged: `it reads ${service.file}, and this is about ${file}` };
}
