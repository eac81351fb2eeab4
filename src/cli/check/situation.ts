import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Configuration } from '../../config/configuration.js';
import { ConfigurationError, UnreadableConfigurationError } from '../../config/errors.js';
import { loadConfiguration } from '../../config/load.js';
import { DEFAULT_FILE, locateConfiguration } from '../../config/locate.js';
import { normalizeHost } from '../../credential/jid/prepare.js';
import { messageOf } from '../../errors.js';
import { readTextFile } from '../../system/read-file.js';
import { readEjabberd, type EjabberdConfiguration } from './ejabberd/configuration.js';
import { readProsody, type ProsodyConfiguration } from './prosody/configuration.js';
import { attempt } from './machine/access.js';
import { findStarted, type StartedDaemon } from './prosody/started/started-daemon.js';
import { findService, type Service } from './service/find-service.js';

/** A chat server of this machine. */
export interface ChatServer {
  readonly kind: 'prosody' | 'ejabberd';
  /** The hosts that it serves, normalized. */
  readonly hosts: readonly string[];
  /** The hosts for which it asks xtokend, or may do so. */
  readonly asking: readonly string[];
  /** Whether it can have more hosts, because its configuration could not be read as a whole. */
  readonly isPartial: boolean;
}

/** The configuration of a chat server, or why it cannot be read; neither if there is no such server. */
export interface Reading<T> {
  readonly configuration?: T;
  readonly fault?: string;
}

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
  /** The subset of `files` that hold secrets, or hashes of passwords. */
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
  /** The xtokend that Prosody's module starts. */
  readonly started?: StartedDaemon;
  /** The service of systemd that reads this configuration. */
  readonly service?: Service;
  /** Whether there is a service that is enabled or runs, with any configuration. */
  readonly isServiceUsed: boolean;
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
  const prosody = await readServer(named.prosody, '/etc/prosody/prosody.cfg.lua', readProsody);
  const started = isService ? undefined : findStarted(prosody.configuration, env);
  const option = named.config ?? fileOfDaemon(started, service, env);
  const { file } = locateConfiguration(option, env);
  const ejabberd = await readServer(named.ejabberd, '/etc/ejabberd/ejabberd.yml', readEjabberd);
  const chatServers = await findChatServers(prosody, ejabberd);
  const rest = {
    ...{ file, env, now, builtAt, named, prosody, ejabberd, chatServers, ...(started && { started }) },
    ...{ isServiceUsed: service?.isUsed === true, ...select(service, file) },
  };
  try {
    const configuration = await loadConfiguration(option, environmentOf(started, env));
    const { files, appPasswordFiles } = configuration;
    const secretFiles = [...configuration.secretFiles, ...appPasswordFiles];
    return { ...rest, configuration, fault: undefined, files, secretFiles };
  } catch (fault) {
    if (!(fault instanceof ConfigurationError || fault instanceof UnreadableConfigurationError)) throw fault;
    // A file that is not text, or that this user cannot read, can hold secrets.
    const secretFiles = attempt(() => SECRET.test(readTextFile(file))) === false ? [] : [file];
    return { ...rest, configuration: undefined, fault, files: [file], secretFiles };
  }
}

/** @param named the file that the command line names */
async function readServer<T>(
  named: string | undefined,
  defaultFile: string,
  read: (file: string) => T | Promise<T>,
): Promise<Reading<T>> {
  // A file in a directory that this user may not search can exist.
  const isAbsent = attempt(() => statSync(defaultFile, { throwIfNoEntry: false }) === undefined);
  if (named === undefined && isAbsent === true) return {};
  try {
    return { configuration: await read(named ?? defaultFile) };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

/** Lists the chat servers of this machine with their hosts. */
async function findChatServers(
  prosody: Reading<ProsodyConfiguration>,
  ejabberd: Reading<EjabberdConfiguration>,
): Promise<ChatServer[]> {
  return [
    ...(await describeServer('prosody', prosody, ({ authentication }) => authentication !== 'other')),
    ...(await describeServer('ejabberd', ejabberd, ({ isExternal }) => isExternal)),
  ];
}

async function describeServer<Host extends { readonly name: string | undefined }>(
  kind: ChatServer['kind'],
  { configuration, fault }: Reading<{ hosts: readonly Host[]; unread: readonly string[] }>,
  mayAsk: (host: Host) => boolean,
): Promise<ChatServer[]> {
  if (fault !== undefined) return [{ kind, hosts: [], asking: [], isPartial: true }];
  if (configuration === undefined) return [];
  const { hosts, unread } = configuration;
  const asking = await normalized(hosts.filter(mayAsk));
  const isPartial = unread.length > 0 || hosts.some(({ name }) => name === undefined);
  return [{ kind, hosts: await normalized(hosts), asking, isPartial }];
}

async function normalized(hosts: readonly { readonly name: string | undefined }[]): Promise<string[]> {
  const names = await Promise.all(hosts.map(({ name }) => normalizeHost(name ?? '')));
  return names.filter((name) => name !== undefined);
}

/** Returns the configuration of the xtokend that Prosody starts, else that of the service, unless the user names one. */
function fileOfDaemon(
  started: StartedDaemon | undefined,
  service: Service | undefined,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const file = started?.file ?? (service?.isUsed === true ? service.file : DEFAULT_FILE);
  return (env['XTOKEND_CONFIG'] ?? '') !== '' || file === DEFAULT_FILE ? undefined : file;
}

/** Returns the variables with which the module of Prosody starts xtokend, as far as they are known. */
function environmentOf(started: StartedDaemon | undefined, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return started?.directory === undefined ? env : { ...env, STATE_DIRECTORY: started.directory };
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
