import { looksLikeToken } from '../../credential/token.js';
import { withoutSecrets } from '../../system/known-secrets.js';
import { findHost, loginOf } from '../shared/login.js';
import { readInput } from '../shared/read-input.js';
import { parseTime } from '../shared/time.js';
import { judgeToken } from './judge-token.js';

/** The options of `xtokend verify`. */
export interface VerifyCommandOptions {
  readonly config?: string;
  readonly at?: string;
}

/**
 * `xtokend verify JID TOKEN`: prints whether the daemon would accept a token that nobody has used yet, and why.
 *
 * @returns the exit code: 0 accepted, 1 refused
 */
export async function verify(
  jidText: string,
  tokenText: string,
  options: VerifyCommandOptions,
): Promise<number> {
  const now = parseTime(options.at);
  // An application that signs for a full JID shows that one, but a server sends the bare one.
  const bareJid = jidText.replace(/(@[^/]*)\/.*$/s, '$1');
  const { jid, settings, hosts, refusal } = await findHost(bareJid, options.config);
  const token = tokenText === '-' ? await readInput() : tokenText;
  if (settings === undefined) return print(false, `refused: ${refusal}`);
  const { accepted, reason } = judgeToken(loginOf(hosts, settings.keys, jid, jidText), token, now);
  const isPassword = settings.passwords !== undefined && !looksLikeToken(token);
  const remark = isPassword ? `. ${FOR_PASSWORDS}` : '';
  return print(accepted, `${accepted ? 'accepted' : 'refused'} for ${jid}: ${reason}${remark}`);
}

const FOR_PASSWORDS =
  'The daemon takes it for a password; to ask the back ends of [passwords], send the login to the daemon: xtokend check --request -';

function print(accepted: boolean, sentence: string): number {
  process.stdout.write(`${withoutSecrets(sentence)}\n`);
  return accepted ? 0 : 1;
}
