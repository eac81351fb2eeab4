import type { Configuration } from '../../../config/configuration.js';
import { isPrepared } from '../../../credential/jid/prepare.js';
import { openHosts } from '../../../daemon/served-hosts.js';
import { messageOf } from '../../../errors.js';
import { parseRequest, type Request } from '../../../protocol/request.js';
import { loginOf } from '../../shared/login.js';
import { judgeToken, type Judgement } from '../../verify/judge-token.js';
import type { Situation } from '../situation.js';

/**
 * Explains the answer of a daemon from the configuration. The daemon can run with another configuration, and only the daemon knows
 * which tokens have been consumed.
 */
export async function explainRequest(
  text: string,
  accepted: boolean,
  isFresh: boolean,
  { configuration, fault, now }: Situation,
): Promise<string[]> {
  if (configuration === undefined) return accepted ? [] : [`The reason is unknown: ${fault?.message ?? ''}`];
  const expected = await expectAnswer(parseRequest(Buffer.from(text), 'check'), configuration, now);
  const { file } = configuration;
  if (expected.accepted !== accepted) {
    const found = accepted
      ? `By ${file} it should have been refused: ${expected.reason}.`
      : `By ${file} it could be accepted (${expected.reason}).`;
    return [found, causes(accepted, isFresh, file)];
  }
  return accepted ? [] : [`The reason, by ${file}: ${expected.reason}.`];
}

function causes(accepted: boolean, isFresh: boolean, file: string): string {
  const otherConfiguration =
    'the daemon runs with another configuration, or has not reloaded this one: restart it, or send it SIGHUP';
  if (accepted) return `So ${otherConfiguration}.`;
  const replayed = isFresh ? '' : 'the token was used before, or ';
  const cache = 'its replay cache keeps it from accepting (`xtokend check` tests that)';
  return `So ${replayed}${otherConfiguration}; or ${cache}. Its log has the reason; ${file} names the log.`;
}

async function expectAnswer(
  request: Request,
  { hosts, file }: Configuration,
  now: number,
): Promise<Judgement> {
  if (request.operation === 'malformed')
    return refused('this is not a request: expected auth:USER:HOST:TOKEN or isuser:USER:HOST');
  if (request.operation === 'unsupported')
    return refused('xtokend answers auth and isuser only: there are no accounts to change');
  const { user, host } = request;
  if (!(await isPrepared(user, host))) return refused(UNPREPARED);
  const settings = hosts.of(host);
  if (settings === undefined)
    return refused(`${host} is not one of the hosts: ${hosts.names?.join(', ') ?? ''}`);
  try {
    // Reading who has logged in could create directories that the daemon cannot use.
    const seen = { has: () => Promise.resolve(false), add: () => Promise.resolve() };
    const policy = (await openHosts(hosts, { seen, onWarning: () => undefined }))(host)?.users;
    if (request.operation === 'isuser') {
      if ((await policy?.isUser(user, host)) === true) return { accepted: true, reason: 'it is a user' };
      return refused(settings.users.users === 'seen' ? UNSEEN : UNLISTED);
    }
    const judgement = judgeToken(loginOf(hosts, settings.keys, `${user}@${host}`), request.password, now);
    const refusal = judgement.accepted ? await policy?.refusalOf(user, host) : undefined;
    return refusal === undefined ? judgement : refused(userRefusals[refusal]);
  } catch (error) {
    return refused(`${file} cannot be used: ${messageOf(error)}`);
  }
}

const UNPREPARED =
  'the user or the host is not spelled as a chat server sends it (small letters, Unicode 3.2): see normalizeJid';
const UNSEEN = 'nobody with this name has logged in before (users = "seen")';
const UNLISTED = 'no list names it, or it is blocked';

const userRefusals = {
  'blocked-user': 'the token is valid, but the user is on the list of blocked users (blocked_users)',
  'unlisted-user': 'the token is valid, but the user is not on the list of users (restrict_auth)',
} as const;

function refused(reason: string): Judgement {
  return { accepted: false, reason };
}
