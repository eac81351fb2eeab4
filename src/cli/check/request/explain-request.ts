import type { Configuration, Hosts, HostSettings } from '../../../config/configuration.js';
import { isPrepared } from '../../../credential/jid/prepare.js';
import { looksLikeToken } from '../../../credential/token.js';
import { openHosts } from '../../../daemon/served-hosts.js';
import { messageOf } from '../../../errors.js';
import type { UserRequest } from '../../../protocol/request.js';
import type { ReplaySettings } from '../../../replay/registry.js';
import type { KnownRevocations } from '../../../users/revocations.js';
import type { UserPage } from '../../../users/user-page.js';
import type { UserPolicy } from '../../../users/user-policy.js';
import { meaningOf, type Reason } from '../../../authenticator/reasons.js';
import type { Answer } from '../sockets/ask.js';
import { loginOf } from '../../shared/login.js';
import { openRevocationStores, readLatest } from '../../shared/revocation-stores.js';
import { judgeToken } from '../../verify/judge-token.js';
import type { Situation } from '../situation.js';
import { AskedBackends } from './asked-backends.js';
import { addKind, judgePassword, type ExpectedAnswer } from './explain-password.js';

/** Reasons that no configuration explains: only the daemon knows which tokens have been consumed, which
 * passwords have been tried, and what failed. */
const ONLY_DAEMON: readonly string[] = [
  'replayed',
  'replay-unknown',
  'replay-cache-unavailable',
  'throttled',
  'internal-error',
  'no-configuration',
] satisfies Reason[];

/** Explains the answer of a daemon: by its reason, and by the configuration, though the daemon can run with another one. */
export async function explainRequest(
  request: UserRequest,
  { accepted, reason = '' }: Answer,
  isFresh: boolean,
  { configuration, fault, now, started }: Situation,
): Promise<string[]> {
  const meaning = meaningOf(reason);
  const told = meaning === undefined ? [] : [`Reason: ${meaning}.`];
  if (ONLY_DAEMON.includes(reason)) return told;
  if (configuration === undefined) {
    return accepted || meaning !== undefined ? told : [`The reason is unknown: ${fault?.message ?? ''}`];
  }
  const expected = await expectAnswer(request, configuration, started?.directory, now);
  const { file } = configuration;
  if (expected.accepted === accepted) {
    // What this process finds can differ from what the daemon found: a back end can have recovered meanwhile.
    const isOther = meaning !== undefined && expected.code !== undefined && expected.code !== reason;
    const why = isOther ? told : [`Reason according to ${file}: ${expected.reason}.`];
    return [...(accepted ? [] : why), ...expected.remarks];
  }
  const found = accepted
    ? `According to ${file}, it should have been refused: ${expected.reason}.`
    : `According to ${file}, it would be accepted (${expected.reason}).`;
  const isKnown = accepted || meaning !== undefined;
  const causes = isKnown ? `So ${OTHER_CONFIGURATION}.` : possibleCauses(isFresh, file);
  return [...told, found, ...expected.remarks, causes];
}

const OTHER_CONFIGURATION =
  'the daemon runs with another configuration, or has not reloaded this one: restart it, or send it SIGHUP';

/** Returns what can have caused a refusal without a reason. */
function possibleCauses(isFresh: boolean, file: string): string {
  const replayed = isFresh ? '' : 'the token was used before, or ';
  const cache = 'its replay cache keeps it from accepting (`xtokend check` tests that)';
  return `So ${replayed}${OTHER_CONFIGURATION}; or ${cache}. Its log has the reason; ${file} names the log.`;
}

/** What the configuration makes of a request, with lines to print in any case. */
interface Expected extends ExpectedAnswer {
  readonly remarks: readonly string[];
}

async function expectAnswer(
  request: UserRequest,
  configuration: Configuration,
  directory: string | undefined,
  now: number,
): Promise<Expected> {
  const { hosts, file } = configuration;
  const { user, host } = request;
  if (!(await isPrepared(user, host))) return { ...refused(UNPREPARED), remarks: [] };
  const settings = hosts.of(host);
  if (settings === undefined) {
    const names = hosts.names?.join(', ') ?? '';
    return { ...refused(`${host} is not one of the hosts: ${names}`), remarks: [] };
  }
  const asked = settings.passwords && (await AskedBackends.open(settings.passwords));
  try {
    const policy = await openPolicy(configuration, host, directory, asked);
    const judgement =
      request.operation === 'isuser'
        ? await judgeUser(request, settings, policy)
        : await judgeLogin(request, { hosts, settings, policy, asked, now });
    return { ...judgement, remarks: [asked?.remark() ?? []].flat() };
  } catch (error) {
    return { ...refused(`${file} cannot be used: ${messageOf(error)}`), remarks: [] };
  } finally {
    await asked?.close();
  }
}

async function openPolicy(
  { hosts, replay }: Configuration,
  host: string,
  directory: string | undefined,
  asked: AskedBackends | undefined,
): Promise<UserPolicy | undefined> {
  const passwords = hosts.of(host)?.passwords;
  // Reading who has logged in could create directories that the daemon cannot use.
  const seen = { has: () => Promise.resolve(false), add: () => Promise.resolve(), list: nobody };
  const options = {
    seen,
    revocations: await readRevocations(replay, directory),
    openPasswords: () =>
      Promise.resolve(new Map(passwords && asked ? [[passwords, asked.passwords] as const] : [])),
    onWarning: () => undefined,
  };
  return (await openHosts(hosts, options))(host)?.users;
}

async function judgeUser(
  { user, host }: UserRequest,
  { users: { users } }: HostSettings,
  policy: UserPolicy | undefined,
): Promise<ExpectedAnswer> {
  const refusal = await policy?.refusalOf(user, host);
  if (refusal !== undefined) return refused(userRefusals[refusal], refusal);
  const isUser = await policy?.isUser(user, host);
  if (isUser === true) return { accepted: true, reason: 'it is a user' };
  if (isUser === 'password-backend-unavailable') return refused(UNAVAILABLE, 'password-backend-unavailable');
  if (users === 'passwords') return refused(UNKNOWN, 'unknown-user');
  return refused(users === 'seen' ? UNSEEN : UNLISTED, 'unknown-user');
}

/** What a login is judged by. */
interface LoginRules {
  readonly hosts: Hosts;
  readonly settings: HostSettings;
  readonly policy: UserPolicy | undefined;
  readonly asked: AskedBackends | undefined;
  readonly now: number;
}

async function judgeLogin(
  request: Extract<UserRequest, { operation: 'auth' }>,
  { hosts, settings, policy, asked, now }: LoginRules,
): Promise<ExpectedAnswer> {
  const { user, host, password } = request;
  const isPassword = asked !== undefined && !looksLikeToken(password);
  const judgement: ExpectedAnswer = isPassword
    ? await judgePassword(request, asked)
    : addKind(
        judgeToken(loginOf(hosts, settings.keys, `${user}@${host}`), password, now),
        request,
        asked !== undefined,
      );
  const refusal = judgement.accepted ? await policy?.refusalOf(user, host) : undefined;
  if (refusal === undefined) return judgement;
  const credential = isPassword ? 'password is right' : 'token is valid';
  return refused(`the ${credential}, but ${userRefusals[refusal]}`, refusal);
}

const UNPREPARED =
  'the user or the host is not spelled as a chat server sends it (small letters, Unicode 3.2): see normalizeJid';
const UNSEEN = 'nobody with this name has logged in before (users = "seen")';
const UNKNOWN = 'no back end of [passwords] knows the user (users = "passwords")';
const UNAVAILABLE = 'a back end of [passwords] gave no answer (users = "passwords")';
const UNLISTED = 'the user is in no list';

const userRefusals = {
  'blocked-user': 'the user is on the list of blocked users (blocked_users), or revoked (xtokend revoke)',
  'unlisted-user': 'the user is not on the list of users (restrict_auth)',
  'replay-cache-unavailable': 'the revocations cannot be read',
} as const;

const nobody = (): Promise<UserPage> => Promise.resolve({ users: [], next: undefined });

/** Reads the revocations in all stores that the daemon can use. */
async function readRevocations(
  replay: ReplaySettings,
  directory: string | undefined,
): Promise<KnownRevocations> {
  const stores = await openRevocationStores(replay, process.env, () => directory);
  try {
    const latest = await readLatest(stores);
    return {
      of: (user, host) => Promise.resolve(latest.get(`${user}@${host}`)),
      version: () => Promise.resolve(''),
    };
  } finally {
    await Promise.all(stores.map(({ store }) => store.close()));
  }
}

function refused(reason: string, code?: Reason): ExpectedAnswer {
  return { accepted: false, reason, ...(code !== undefined && { code }) };
}
