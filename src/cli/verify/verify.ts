import { withoutSecrets } from '../../log/known-secrets.js';
import { findHost } from '../configured-host.js';
import { judgeToken } from './judge-token.js';
import { loginOf } from '../login.js';
import { readInput } from '../read-input.js';
import { parseTime } from '../time.js';

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
  const { jid, settings, hosts, refusal } = await findHost(withoutResource(jidText), options.config);
  const token = tokenText === '-' ? await readInput() : tokenText;
  if (settings === undefined) return say(REFUSED, `refused: ${refusal}`);
  const { accepted, reason } = judgeToken(loginOf(hosts, settings.keys, jid, jidText), token, now);
  return accepted
    ? say(ACCEPTED, `accepted for ${jid}: ${reason}`)
    : say(REFUSED, `refused for ${jid}: ${reason}`);
}

/** An application that signs for a full JID shows that one; a server asks about the bare one. */
function withoutResource(jid: string): string {
  return jid.replace(/(@[^/]*)\/.*$/s, '$1');
}

function say(exitCode: number, sentence: string): number {
  process.stdout.write(`${withoutSecrets(sentence)}\n`);
  return exitCode;
}
