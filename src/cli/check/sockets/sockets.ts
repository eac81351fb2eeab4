import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { failureKinds, meaningOf, type RefusalReason } from '../../../authenticator/reasons.js';
import { codeOf } from '../../../errors.js';
import { describeListeners } from '../../../system/socket-holders.js';
import { findExposure } from '../../../system/trusted-path.js';
import { trustedWith } from '../configuration/trusted-users.js';
import { findings, type Finding } from '../finding.js';
import { describeObstacle, obstacleTo } from '../machine/access.js';
import { findAccount, type Account } from '../machine/accounts.js';
import { DEFAULT_USER } from '../prosody/configuration.js';
import { checkSocketProtocol } from '../passwords/servers.js';
import type { Situation } from '../situation.js';
import { askDaemon, TIMEOUT_MILLISECONDS, type Result } from './ask.js';
import { fixesFor, type SocketFixes } from './fixes.js';
import { explainOldProcess } from './group.js';
import { checkListeners } from './listeners.js';
import { findSockets, type SocketPath } from './socket-paths.js';

const { ok, note, warning, problem } = findings('socket');

/** Checks on each socket whether xtokend answers, and whether Prosody's user may connect. */
export async function checkSockets(situation: Situation): Promise<Finding[]> {
  const sockets = findSockets(situation);
  if (sockets.length === 0) return [none];
  const account = findAccount(situation.prosody.configuration?.user ?? DEFAULT_USER);
  const found = sockets.map(async (socket) => [
    ...checkPlace(socket, account),
    ...(await checkSocket(socket, account, situation)),
    ...checkListeners(socket.path, situation),
  ]);
  return [...checkUser(account, situation), ...(await Promise.all(found)).flat()];
}

function checkUser(account: Account | undefined, { prosody: { configuration } }: Situation): Finding[] {
  if (account !== undefined || configuration === undefined) return [];
  const { user, file, global } = configuration;
  const message = `cannot tell whether Prosody may connect: this machine has no user ${user}`;
  const fix = `set prosody_user in ${file} to the user that Prosody runs as`;
  const create = global('prosody_user') === undefined ? note : problem;
  return [create('socket-user-missing', message, fix)];
}

/** A user who can replace the socket can collect the tokens that the chat server sends to it. */
function checkPlace({ path, isStarted }: SocketPath, account: Account | undefined): Finding[] {
  const owner = isStarted === true && account !== undefined ? [account.uid] : [];
  const exposure = findExposure(dirname(path), new Set([...trustedWith(path), ...owner]));
  if (exposure === undefined) return [];
  return [
    problem('socket-exposed', `${exposure.message}, and so can replace the socket ${path}`, exposure.fix),
  ];
}

async function checkSocket(
  socket: SocketPath,
  account: Account | undefined,
  situation: Situation,
): Promise<Finding[]> {
  const { path, isStarted = false } = socket;
  const fault = findKindFault(path, isStarted);
  if (fault !== undefined) return [problem('socket-missing', fault, fixesFor(socket, account).missing)];
  const result = await askDaemon(path, situation);
  const found = describeSocket(socket, result, account, situation);
  if (result.kind !== 'answered') return [found];
  return [found, ...checkSocketProtocol(path, result.protocol, situation)];
}

function describeSocket(
  socket: SocketPath,
  result: Awaited<ReturnType<typeof askDaemon>>,
  account: Account | undefined,
  situation: Situation,
): Finding {
  const { path, isExpected, isForModule = false, isStarted = false } = socket;
  const fixes = fixesFor(socket, account);
  if (result.kind === 'unreachable' && result.code !== 'EACCES') return noListener(path, result.code, fixes);
  const obstacle = account && obstacleTo(path, account, 'write');
  // Only its own user may look into the directory of an xtokend that Prosody starts.
  if (account && obstacle && !(isStarted && obstacle.kind === 'unknown')) {
    const message = describeObstacle(obstacle, account, 'connect to');
    const fix =
      obstacle.kind === 'unknown'
        ? 'run this as root to see why'
        : fixes.unreachable(obstacle, account, situation);
    return (isExpected ? problem : warning)('socket-unreachable', message, fix);
  }
  const old = account && !isStarted ? explainOldProcess('Prosody', path, account, 'prosody') : undefined;
  if (old !== undefined) {
    return (isExpected ? problem : warning)('socket-group-old', old, 'systemctl restart prosody');
  }
  if (result.kind !== 'answered') return noAnswer(path, result.kind, fixes);
  if (isForModule && result.protocol !== 'native') {
    const { protocol } = result;
    const message = `Prosody's module uses the native protocol on ${path}, but xtokend is set to the ${protocol} protocol there`;
    return problem('socket-protocol', message, fixes.otherProtocol(protocol));
  }
  const reason = findFault(result.reason, situation);
  if (reason !== undefined) {
    const message = `xtokend answers on ${path}, but cannot check logins (${reason}): ${meaningOf(reason) ?? ''}`;
    return problem('socket-refuses', message, fixes.refuses);
  }
  const user = account === undefined ? '' : `user ${account.name} may connect, and `;
  return ok('socket-ok', `${user}xtokend answers on ${path}`);
}

/** Returns the reason of a refusal if logins fail for the same reason. It is normal that the user of the check does not exist. */
function findFault(reason: string | undefined, { configuration }: Situation): RefusalReason | undefined {
  const found = Object.keys(failureKinds).find((known): known is RefusalReason => known === reason);
  if (found === undefined || failureKinds[found] !== 'temp') return undefined;
  // If the configuration has no hosts, the one of the check is made up.
  return found === 'unknown-host' && configuration?.hosts.names === undefined ? undefined : found;
}

function findKindFault(path: string, isStarted: boolean): string | undefined {
  const missing = isStarted
    ? `there is no socket ${path}: Prosody has not started xtokend, or it has ended`
    : `there is no socket ${path}`;
  try {
    return statSync(path).isSocket() ? undefined : `${path} is not a socket`;
  } catch (error) {
    return codeOf(error) === 'EACCES' ? undefined : missing;
  }
}

const none = note(
  'socket-none',
  'no socket of xtokend was found, so no running daemon was tested',
  'if xtokend listens elsewhere: --socket PATH',
);

function noListener(path: string, code: string, fixes: SocketFixes): Finding {
  const isStale = code === 'ECONNREFUSED';
  const message = isStale
    ? `no process listens on ${path}: the xtokend that created it has ended`
    : `cannot connect to ${path} (${code})`;
  return problem('socket-no-listener', message, fixes.noListener);
}

const faults = {
  silent: `gives no answer within ${TIMEOUT_MILLISECONDS / 1000} s`,
  closed: 'closes the connection without an answer',
  unexpected: 'gives an answer that xtokend would not give',
};

function noAnswer(path: string, kind: Exclude<Result['kind'], 'answered'>, fixes: SocketFixes): Finding {
  if (kind === 'unreachable') {
    const message = `cannot tell whether xtokend answers on ${path}: this user may not connect`;
    return note('socket-not-tested', message, fixes.notTested);
  }
  const { who = 'the process that listens', stop } = describeListeners(path);
  return problem('socket-no-answer', `${who} at ${path} ${faults[kind]}`, fixes.noAnswer(stop));
}
