import { withoutSecrets } from '../known-secrets.js';
import { findHost } from './configured-host.js';
import { judgeToken } from './judge-token.js';
import { readInput } from './read-input.js';
import { parseTime } from './time.js';

/** The options of `xtokend verify`. */
export interface VerifyCommandOptions {
  readonly config?: string;
  readonly at?: string;
}

const ACCEPTED = 0;
const REFUSED = 1;

/**
 * `xtokend verify JID TOKEN`: says in words what the daemon would say of a token that nobody has used yet.
 *
 * @returns the exit code
 */
export async function verify(
  jidText: string,
  tokenText: string,
  options: VerifyCommandOptions,
): Promise<number> {
  const now = parseTime(options.at);
  const { jid, settings, refusal } = await findHost(jidText, options.config);
  const token = tokenText === '-' ? await readInput() : tokenText;
  if (settings === undefined) return say(REFUSED, `refused: ${refusal}`);
  const { accepted, reason } = judgeToken(settings.keys, token, jid, now);
  return accepted
    ? say(ACCEPTED, `accepted for ${jid}: ${reason}`)
    : say(REFUSED, `refused for ${jid}: ${reason}`);
}

function say(exitCode: number, sentence: string): number {
  process.stdout.write(`${withoutSecrets(sentence)}\n`);
  return exitCode;
}
