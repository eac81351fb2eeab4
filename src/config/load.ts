import { dirname } from 'node:path';
import type { Configuration, LogTarget } from './configuration.js';
import { ConfigurationError, UnreadableConfigurationError, type Problem } from './errors.js';
import { readHostKeys } from './hosts.js';
import { KeyReader } from './keys.js';
import { locateConfiguration, type Location } from './locate.js';
import { parseDocument } from './parse.js';
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
  const keys = await readHostKeys(document, keyReader);
  const replay = replayReader.read(document.replay ?? {}, env);
  const logTarget = parseLogTarget(document.log?.target ?? 'stderr');
  const problems = [...keyReader.problems, ...replayReader.problems];
  if (logTarget === undefined) problems.push(badLogTarget);
  if (logTarget === undefined || problems.length > 0) throw new ConfigurationError(file, problems);
  if (holdsSecret(document)) keyReader.secretFiles.add(file);
  const answerWithin =
    document.answer_within === undefined ? DEFAULT_ANSWER_WITHIN_MILLISECONDS : document.answer_within * 1000;
  return {
    file,
    keys,
    answerWithin,
    replay,
    logTarget,
    secretFiles: [...keyReader.secretFiles, ...replayReader.secretFiles],
    shortSeeds: [...keyReader.shortSeeds],
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
          ? `\nTo make one: (umask 077; mkdir -p ${dirname(file)} && xtokend keygen >${file})`
          : ''),
      { cause: error },
    );
  }
}

const badLogTarget: Problem = {
  where: 'log.target',
  message: 'expected "stderr", "syslog" or "file:/path/of/the/log"',
};

function parseLogTarget(text: string): LogTarget | undefined {
  if (text === 'stderr' || text === 'syslog') return { kind: text };
  return text.startsWith('file:/') ? { kind: 'file', path: text.slice('file:'.length) } : undefined;
}

function holdsSecret(document: Document): boolean {
  const tables = [document, ...Object.values(document.hosts ?? {})];
  return tables.some((table) => (table.otp_seed ?? table.token_secret) !== undefined);
}
