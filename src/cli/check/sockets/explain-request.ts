import type { Configuration } from '../../../config/configuration.js';
import { isPrepared } from '../../../credential/jid/prepare.js';
import { messageOf } from '../../../errors.js';
import { openHosts } from '../../../daemon/served-hosts.js';
import { parseRequest, type Request } from '../../../protocol/request.js';
import { judgeToken } from '../../verify/judge-token.js';
import { loginOf } from '../../login.js';
import type { UserPolicy } from '../../../users/user-policy.js';
import type { Situation } from '../situation.js';

/** What the configuration says of a request. */
interface Opinion {
  readonly accepted: boolean;
  readonly reason: string;
}

/**
 * Says why a daemon has answered as it has, as far as the configuration tells. The daemon alone knows which tokens were used,
 * and can run with another configuration.
 */
export async function explainRequest(
  text: string,
  accepted: boolean,
  isFresh: boolean,
  { configuration, fault, now }: Situation,
): Promise<string[]> {
  if (configuration === undefined) return accepted ? [] : [`Why cannot be told: ${fault?.message ?? ''}`];
  const opinion = await opinionOf(parseRequest(Buffer.from(text), 'check'), configuration, now);
  const { file } = configuration;
  if (opinion.accepted !== accepted) {
    const found = accepted
      ? `By ${file} it should have been refused: ${opinion.reason}.`
      : `By ${file} it could be accepted${opinion.reason === '' ? '' : ` (${opinion.reason})`}.`;
    return [found, ...causes(accepted, isFresh, file)];
  }
  return accepted ? [] : [`Why, by ${file}: ${opinion.reason}.`];
}

function causes(accepted: boolean, isFresh: boolean, file: string): string[] {
  const foreign = `the daemon runs with another configuration, or has not taken this one up: restart it, or send it SIGHUP`;
  if (accepted) return [`So ${foreign}.`];
  const replayed = isFresh ? '' : 'the token was used before, or ';
  const cache = 'its replay cache keeps it from accepting (`xtokend check` tries that)';
  return [`So ${replayed}${foreign}; or ${cache}. Its log has the reason; ${file} says where that is.`];
}

async function opinionOf(request: Request, { hosts, file }: Configuration, now: number): Promise<Opinion> {
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
    // Who has logged in before is for the daemon to know: to look could make directories that it cannot use.
    const seen = {
      has: () => Promise.resolve(false),
      add: () => Promise.resolve(),
    };
    const policy = (await openHosts(hosts, { seen, onWarning: () => undefined }))(host)?.users;
    if (request.operation === 'isuser') return await isUser(policy?.isUser(user, host), settings.users.users);
    const judgement = judgeToken(loginOf(hosts, settings.keys, `${user}@${host}`), request.password, now);
    const refusal = judgement.accepted ? await policy?.refusalOf(user, host) : undefined;
    return refusal === undefined ? judgement : refused(userRefusals[refusal]);
  } catch (error) {
    return refused(`${file} cannot be followed: ${messageOf(error)}`);
  }
}

const UNPREPARED =
  'the user or the host is not spelled as a chat server sends it (small letters, Unicode 3.2): see normalizeJid';

async function isUser(
  answer: ReturnType<UserPolicy['isUser']> | undefined,
  users: unknown,
): Promise<Opinion> {
  if ((await answer) === true) return { accepted: true, reason: 'it is a user' };
  return refused(
    users === 'seen'
      ? 'nobody of this name has logged in before (users = "seen")'
      : 'no list names it, or it is blocked',
  );
}

const userRefusals = {
  'blocked-user': 'the token is good, but the user is on the list of the blocked (blocked_users)',
  'unlisted-user': 'the token is good, but the user is not on the list of users (restrict_auth)',
} as const;

function refused(reason: string): Opinion {
  return { accepted: false, reason };
}
