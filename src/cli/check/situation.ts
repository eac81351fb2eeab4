import { resolve } from 'node:path';
import type { Configuration } from '../../config/configuration.js';
import { ConfigurationError, UnreadableConfigurationError } from '../../config/errors.js';
import { loadConfiguration } from '../../config/load.js';
import { DEFAULT_FILE, locateConfiguration } from '../../config/locate.js';
import { readTextFile } from '../../system/read-file.js';
import { findChatServers, readServer, type ChatServer, type Reading } from './chat-servers.js';
import { readEjabberd, type EjabberdConfiguration } from './ejabberd/configuration.js';
import { readProsody, type ProsodyConfiguration } from './prosody/configuration.js';
import { attempt } from './machine/access.js';
import { findService, type Service } from './service/find-service.js';

/** What the checks examine. */
export interface Situation {
  /** The configuration file. */
  readonly file: string;
  /** Its validated content; `undefined` if the file is invalid. */
  readonly configuration: Configuration | undefined;
  /** Why the file is invalid or unreadable. */
  readonly fault: ConfigurationError | UnreadableConfigurationError | undefined;
  /** The configuration file and all files that it names; if it is invalid, only the file itself. */
  readonly files: readonly string[];
  /** The subset of `files` that hold secrets. */
  readonly secretFiles: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** When the program was built, in milliseconds since the Unix epoch. */
  readonly builtAt: number;
  /** Files that the command line names. */
  readonly named: NamedFiles;
  readonly prosody: Reading<ProsodyConfiguration>;
  readonly ejabberd: Reading<EjabberdConfiguration>;
  readonly chatServers: readonly ChatServer[];
  /** The service of systemd that reads this configuration. */
  readonly service?: Service;
  /** Why a service that systemd knows is not checked. */
  readonly uncheckedService?: string;
}

/** Files that the command line can name. */
export interface NamedFiles {
  readonly config?: string;
  readonly socket?: string;
  readonly prosody?: string;
  readonly ejabberd?: string;
}

/** Reads the configurations of xtokend and of the chat servers. An invalid one is part of the result. */
export async function readSituation(
  named: NamedFiles,
  env: NodeJS.ProcessEnv,
  now: number,
  builtAt: number,
  isService = false,
): Promise<Situation> {
  // With isService, systemd has already started this process as the service.
  const service = isService ? undefined : await findService();
  const option = named.config ?? fileOfService(service, env);
  const { file } = locateConfiguration(option, env);
  const prosody = await readServer(named.prosody, '/etc/prosody/prosody.cfg.lua', readProsody);
  const ejabberd = await readServer(named.ejabberd, '/etc/ejabberd/ejabberd.yml', readEjabberd);
  const chatServers = await findChatServers(prosody, ejabberd);
  const rest = { file, env, now, builtAt, named, prosody, ejabberd, chatServers, ...select(service, file) };
  try {
    const configuration = await loadConfiguration(option, env);
    const { files, secretFiles } = configuration;
    return { ...rest, configuration, fault: undefined, files, secretFiles };
  } catch (fault) {
    if (!(fault instanceof ConfigurationError || fault instanceof UnreadableConfigurationError)) throw fault;
    // A file that is not text, or that this user cannot read, can hold secrets.
    const secretFiles = attempt(() => SECRET.test(readTextFile(file))) === false ? [] : [file];
    return { ...rest, configuration: undefined, fault, files: [file], secretFiles };
  }
}

/** Returns the configuration of the service, unless the user names one. */
function fileOfService(service: Service | undefined, env: NodeJS.ProcessEnv): string | undefined {
  const isNamed = (env['XTOKEND_CONFIG'] ?? '') !== '';
  return isNamed || service?.isUsed !== true || service.file === DEFAULT_FILE ? undefined : service.file;
}

function select(service: Service | undefined, file: string): Pick<Situation, 'service' | 'uncheckedService'> {
  if (service === undefined) return {};
  if (!service.isUsed) return { uncheckedService: 'it is neither enabled nor running' };
  if (resolve(file) === resolve(service.file)) return { service };
  return { uncheckedService: `it uses ${service.file}, and this check is for ${file}` };
}

/**
 * Matches secrets in any form of TOML, such as `otp_seed = …`, `"token_secret" = …` or `hosts."a.example".otp_seed = …`, and passwords
 * in a setting or a URL. Doesn't match `otp_seed_file`.
 */
const SECRET = /\b(?:otp_seed|token_secret|\w*password)["']?\s*=|:\/\/[^\s"'@]*:[^\s"']*@/;
