import { quoted } from '../quoted.js';
import type { Configuration, Hosts } from './configuration.js';
import { ConfigurationError, UnreadableConfigurationError, type Problem } from './errors.js';
import { readHosts } from './hosts.js';
import { KeyReader } from './keys/keys.js';
import { readLog } from './log.js';
import { DEFAULT_FILE, locateConfiguration, type Location } from './locate.js';
import { readMetrics } from './metrics.js';
import { parseDocument } from './toml/parse.js';
import { explainReadError, isMissing, readTextFile } from './read-file.js';
import { ReplayReader } from './replay.js';
import type { Document } from './schema.js';

/** Below the 5 s for which Prosody's external module waits. */
export const DEFAULT_ANSWER_WITHIN_MILLISECONDS = 4000;

/**
 * Finds, reads and checks the configuration.
 *
 * @param option the value of `--config`, where it is given
 * @param env the environment: `XTOKEND_CONFIG`, `CREDENTIALS_DIRECTORY` and `STATE_DIRECTORY`
 * @throws {@link UnreadableConfigurationError} where there is none, {@link ConfigurationError} where it is not good
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
  const replayReader = new ReplayReader(places);
  const hosts = await readHosts(document, file, keyReader);
  const replay = replayReader.read(document.replay ?? {}, env);
  const log = readLog(document.log ?? {});
  const metrics = document.metrics && readMetrics(document.metrics);
  const problems = [...keyReader.problems, ...replayReader.problems];
  if (isProblem(log)) problems.push(log);
  if (isProblem(metrics)) problems.push(metrics);
  if (isProblem(log) || isProblem(metrics) || problems.length > 0)
    throw new ConfigurationError(file, problems);
  if (holdsSecret(document)) keyReader.secretFiles.add(file);
  const { answer_within: seconds } = document;
  const secretFiles = [...keyReader.secretFiles, ...replayReader.secretFiles];
  return {
    file,
    hosts,
    replay,
    log,
    metrics,
    answerWithin: seconds === undefined ? DEFAULT_ANSWER_WITHIN_MILLISECONDS : seconds * 1000,
    secretFiles,
    files: [...new Set([file, ...secretFiles, ...replayReader.certificateFiles, ...listsOf(hosts)])],
    advice: keyReader.advice,
  };
}

function readConfiguration({ file, tried }: Location): string {
  try {
    return readTextFile(file);
  } catch (error) {
    const places = tried.map((place) => `\n  ${place}`).join('');
    throw new UnreadableConfigurationError(
      `cannot read the configuration ${file}: ${explainReadError(error)}\n` +
        `It is looked for in three places; the first that is named counts:${places}` +
        (isMissing(error)
          ? `\nTo make one: xtokend init${file === DEFAULT_FILE ? '' : ` --config ${quoted(file)}`}`
          : ''),
      { cause: error },
    );
  }
}

function listsOf(hosts: Hosts): string[] {
  return hosts.all.flatMap(({ users: { users, blockedPath } }) => [
    ...(typeof users === 'string' ? [] : [users.path]),
    ...(blockedPath === undefined ? [] : [blockedPath]),
  ]);
}

function isProblem(value: object | undefined): value is Problem {
  return value !== undefined && 'where' in value;
}

function holdsSecret(document: Document): boolean {
  const tables = [document, ...Object.values(document.hosts ?? {}), ...(document.keys ?? [])];
  return tables.some((table) => (table.otp_seed ?? table.token_secret) !== undefined);
}
