import { codeOf } from '../errors.js';
import { quoted } from '../quoted.js';
import type { Configuration, Hosts } from './configuration.js';
import { ConfigurationError, UnreadableConfigurationError } from './errors.js';
import { readHosts } from './hosts.js';
import { KeyReader } from './keys/keys.js';
import { readLog } from './log.js';
import { DEFAULT_FILE, locateConfiguration, type Location } from './locate.js';
import { readMetrics } from './metrics.js';
import { parseDocument } from './toml/parse.js';
import { parseReplay } from '../replay/registry.js';
import type { SettingsReader } from '../replay/store.js';
import { membersOfGroup, nameOfGroup } from '../system/accounts.js';
import { explainReadError, isMissing, readTextFile } from '../system/read-file.js';
import type { PasswordsReader, PasswordsReaderOptions } from './passwords.js';
import type { Document } from './schema.js';
import { SettingsFiles } from './settings-files.js';

/** Below the 5 s after which Prosody's stock module gives up. */
export const DEFAULT_ANSWER_WITHIN_MILLISECONDS = 4000;

/** The users below are those of daemons. */
const FIRST_PERSON = 1000;

/**
 * Finds, reads and validates the configuration.
 *
 * @param option the value of `--config`, if it is given
 * @param env the environment: `XTOKEND_CONFIG`, `CREDENTIALS_DIRECTORY` and `STATE_DIRECTORY`
 * @throws {@link UnreadableConfigurationError} if it is missing or cannot be read
 * @throws {@link ConfigurationError} if it is invalid
 */
export async function loadConfiguration(
  option: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Configuration> {
  const location = locateConfiguration(option, env);
  const { file } = location;
  const document = parseDocument(file, readConfiguration(location));
  const places = { configurationFile: file, credentialsDirectory: env['CREDENTIALS_DIRECTORY'] };
  const keyReader = new KeyReader(places);
  const files = new SettingsFiles(places);
  const answerWithin = answerWithinOf(document);
  const passwordsReader = await loadPasswordsReader(document, { file, files, answerWithin });
  const hosts = await readHosts(document, file, keyReader, passwordsReader);
  const replay = parseReplay(document.replay ?? {}, replayReader(env, files));
  const log = readLog(document.log ?? {}, keyReader.problems);
  const metrics = document.metrics && readMetrics(document.metrics, keyReader.problems);
  const problems = [...keyReader.problems.list, ...files.problems.list];
  if (problems.length > 0) throw new ConfigurationError(file, problems);
  if (holdsSecret(document)) keyReader.secretFiles.add(file);
  const secretFiles = [...keyReader.secretFiles, ...files.secretFiles];
  const { appPasswordFiles, programs } = pathsOf(hosts);
  return {
    file,
    hosts,
    replay,
    log,
    metrics,
    answerWithin,
    secretFiles,
    appPasswordFiles,
    programs,
    files: [
      ...new Set([file, ...secretFiles, ...files.certificateFiles, ...listsOf(hosts), ...appPasswordFiles]),
    ],
    advice: keyReader.advice,
  };
}

function answerWithinOf({ answer_within: seconds }: Document): number {
  return seconds === undefined ? DEFAULT_ANSWER_WITHIN_MILLISECONDS : seconds * 1000;
}

function replayReader(env: NodeJS.ProcessEnv, files: SettingsFiles): SettingsReader {
  return {
    env,
    addProblem: (setting, message) => {
      files.problems.add(['replay', setting], message);
    },
    readFile: (setting, path, content) => files.read(['replay', setting], path, content),
  };
}

/** Returns `undefined` if the configuration has no table of passwords, so that most starts don't load the code. */
async function loadPasswordsReader(
  { passwords, hosts = {} }: Document,
  options: PasswordsReaderOptions,
): Promise<PasswordsReader | undefined> {
  if ([{ passwords }, ...Object.values(hosts)].every((table) => table.passwords === undefined))
    return undefined;
  return new (await import('./passwords.js')).PasswordsReader(options);
}

function readConfiguration({ file, tried }: Location): string {
  try {
    return readTextFile(file);
  } catch (error) {
    const places = tried.map((place) => `\n  ${place}`).join('');
    throw new UnreadableConfigurationError(
      `cannot read the configuration ${file}: ${explainReadError(error)}\n` +
        `The path is the first of these:${places}` +
        fixOf(error, file),
      { cause: error },
    );
  }
}

function fixOf(error: unknown, file: string): string {
  const option = file === DEFAULT_FILE ? '' : ` --config ${quoted(file)}`;
  if (isMissing(error)) return `\nTo create one: xtokend init${option}`;
  if (codeOf(error) !== 'EACCES') return '';
  const [user, group] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  // Other members of the group could read the secrets, too.
  const isDaemon = user < FIRST_PERSON && membersOfGroup(group).length === 1;
  return isDaemon
    ? `\nTo let the group of this user read it, as root: xtokend init --group ${nameOfGroup(group)}${option}`
    : '\nRun this as root, or as a user who may read it';
}

function listsOf(hosts: Hosts): string[] {
  return hosts.all.flatMap(({ users: { users, blockedPath } }) => [
    ...(typeof users === 'string' ? [] : [users.path]),
    ...(blockedPath === undefined ? [] : [blockedPath]),
  ]);
}

/** Returns the paths in the settings of back ends. */
function pathsOf({ passwords }: Hosts): Pick<Configuration, 'appPasswordFiles' | 'programs'> {
  const all = passwords.flatMap(({ backends }) => backends);
  const files = all.flatMap((backend) => (backend.kind === 'app-passwords' ? backend.path : []));
  const programs = all.flatMap((backend) => (backend.kind === 'command' ? backend.command[0] : []));
  return { appPasswordFiles: [...new Set(files)], programs: [...new Set(programs)] };
}

function holdsSecret(document: Document): boolean {
  const tables = [document, ...Object.values(document.hosts ?? {}), ...(document.keys ?? [])];
  return tables.some((table) => (table.otp_seed ?? table.token_secret) !== undefined);
}
