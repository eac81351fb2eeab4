import { statSync } from 'node:fs';
import type { Configuration } from '../config/configuration.js';
import type { LogTarget } from '../config/log.js';
import { ConfigurationError, UnreadableConfigurationError } from '../config/errors.js';
import { append } from '../operations/append.js';
import { loadConfiguration } from '../config/load.js';
import { checkReplay } from './check-replay.js';

/** The options of `xtokend check`. */
export interface CheckOptions {
  readonly config?: string;
}

const FIT = 0;
const UNFIT = 1;
const STOCK_MODULE_PATIENCE_MILLISECONDS = 5000;
const ACCESS_BY_OTHERS = 0o007;

/**
 * `xtokend check`: says what the daemon would make of its configuration.
 *
 * @returns the exit code
 */
export async function check(options: CheckOptions): Promise<number> {
  try {
    const configuration = await loadConfiguration(options.config, process.env);
    const replay = await checkReplay(configuration.replay);
    for (const line of [...describe(configuration), ...replay.lines]) process.stdout.write(`${line}\n`);
    return replay.isFit ? FIT : UNFIT;
  } catch (error) {
    if (!(error instanceof ConfigurationError || error instanceof UnreadableConfigurationError)) throw error;
    process.stdout.write(`problem: ${error.message}\n`);
    return UNFIT;
  }
}

function describe(configuration: Configuration): string[] {
  const { file, hosts, secretFiles, advice } = configuration;
  return [
    `ok: ${file} is good; it serves ${hosts.names?.join(', ') ?? 'every host'}`,
    ...describeLog(configuration.log.target),
    ...secretFiles
      .filter(isOpenToOthers)
      .map(
        (path) =>
          `warning: every user of this machine can get at the secrets in ${path}; run: chmod o-rwx '${path}'`,
      ),
    ...advice.map(({ where, message }) => `warning: ${where}: ${message}`),
    ...describePatience(configuration.answerWithin),
  ];
}

function describeLog(target: LogTarget): string[] {
  try {
    if (target.kind === 'file') append(target.path, '');
    return [];
  } catch (error) {
    return [`warning: the log cannot be written: ${String(error)}; make it writable for this user`];
  }
}

function describePatience(answerWithin: number): string[] {
  if (answerWithin < STOCK_MODULE_PATIENCE_MILLISECONDS) return [];
  return [
    "warning: answer_within is not below the 5 s for which Prosody's stock module waits; set it lower, or external_auth_timeout a second higher",
  ];
}

function isOpenToOthers(path: string): boolean {
  return (statSync(path).mode & ACCESS_BY_OTHERS) !== 0;
}
