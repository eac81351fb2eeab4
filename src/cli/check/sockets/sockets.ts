import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../../../errors.js';
import { findExposure } from '../../../system/trusted-path.js';
import { obstacleTo, type Obstacle } from '../access.js';
import { findAccount, type Account } from '../accounts.js';
import { askDaemon, REPLY_DEADLINE_MILLISECONDS } from './ask-daemon.js';
import { describeObstacle } from '../describe-obstacle.js';
import type { Finding } from '../finding.js';
import { prosodyUser } from '../prosody/prosody.js';
import { readProsody } from '../prosody/configuration.js';
import { quoted } from '../../../quoted.js';
import { checkShared } from './shared-socket.js';
import type { Situation } from '../situation.js';
import { findSockets, type SocketPath } from './socket-paths.js';
import { trustedWith } from '../configuration/trusted-users.js';

/**
 * Asks xtokend on each socket something that every daemon answers and that costs nothing: whether a user exists. Looks at whether
 * Prosody's user may do so, too.
 */
export async function checkSockets(situation: Situation): Promise<Finding[]> {
  const user = findUser(situation);
  const sockets = findSockets(situation);
  if (sockets.length === 0) return [none];
  const findings = sockets.map(async (socket) => [
    ...checkPlace(socket.path),
    ...(await checkSocket(socket, user.account, situation)),
    ...checkShared(socket.path),
  ]);
  return [...user.findings, ...(await Promise.all(findings)).flat()];
}

interface User {
  readonly account: Account | undefined;
  readonly findings: readonly Finding[];
}

/** Finds the user of Prosody. */
function findUser(situation: Situation): User {
  const prosody = readProsody(situation);
  if (prosody === undefined || 'fault' in prosody) return { account: findAccount('prosody'), findings: [] };
  const name = prosodyUser(prosody);
  const account = findAccount(name);
  if (account !== undefined) return { account, findings: [] };
  const isNamed = prosody.global('prosody_user') !== undefined;
  return { account, findings: [nobody(name, prosody.file, isNamed)] };
}

/** Whoever can change a directory on the way can put another socket there, and collect the tokens that it is asked about. */
function checkPlace(path: string): Finding[] {
  const exposure = findExposure(dirname(path), trustedWith(path));
  if (exposure === undefined) return [];
  const message = `${exposure.message}, and so can put another socket in the place of ${path}`;
  return [{ level: 'problem', code: 'socket-exposed', subject: 'socket', message, fix: exposure.fix }];
}

async function checkSocket(
  { path, isExpected, isForModule = false }: SocketPath,
  account: Account | undefined,
  situation: Situation,
): Promise<Finding[]> {
  const fault = kindFault(path);
  if (fault !== undefined) return [missing(path, fault)];
  const outcome = await askDaemon(path, situation);
  if (outcome.kind === 'unreachable' && outcome.code !== 'EACCES') return [dead(path, outcome.code)];
  const obstacle = account && obstacleTo(path, account, 'write');
  if (account && obstacle) return [unreachable(path, obstacle, account, isExpected ? 'problem' : 'warning')];
  if (outcome.kind === 'unreachable') return [untried(path)];
  if (outcome.kind !== 'answered') return [unanswered(path, outcome.kind)];
  if (isForModule && outcome.protocol !== 'generic') return [otherProtocol(path)];
  const message = `${account === undefined ? '' : `user ${account.name} may connect, and `}xtokend answers on ${path}`;
  return [{ level: 'ok', code: 'socket-ok', subject: 'socket', message }];
}

function kindFault(path: string): string | undefined {
  try {
    return statSync(path).isSocket() ? undefined : `${path} is no socket`;
  } catch (error) {
    return codeOf(error) === 'EACCES' ? undefined : `there is no socket ${path}`;
  }
}

const none: Finding = {
  level: 'note',
  code: 'socket-none',
  subject: 'socket',
  message: 'no socket of xtokend was found, so no running daemon was asked',
  fix: 'if one listens elsewhere: --socket PATH',
};

function nobody(name: string, file: string, isNamed: boolean): Finding {
  const message = `whether Prosody may connect is unknown: this machine has no user ${name}`;
  return {
    level: isNamed ? 'problem' : 'note',
    code: 'socket-user-missing',
    subject: 'socket',
    message,
    fix: `name the user that Prosody runs as: prosody_user in ${file}`,
  };
}

function untried(path: string): Finding {
  return {
    level: 'note',
    code: 'socket-not-tested',
    subject: 'socket',
    message: `whether xtokend answers on ${path} is unknown: this user may not connect`,
    fix: 'run this as root, or as a member of the group of the socket',
  };
}

function unanswered(path: string, kind: 'silent' | 'closed' | 'strange'): Finding {
  const seen = {
    silent: `gives no answer within ${REPLY_DEADLINE_MILLISECONDS / 1000} s`,
    closed: 'closes the connection without an answer',
    strange: 'answers something else than xtokend would',
  };
  return {
    level: 'problem',
    code: 'socket-no-answer',
    subject: 'socket',
    message: `what listens on ${path} ${seen[kind]}`,
    fix: 'see the log of xtokend (journalctl -u xtokend), and restart it; ss -xlp says who listens',
  };
}

function otherProtocol(path: string): Finding {
  return {
    level: 'problem',
    code: 'socket-protocol',
    subject: 'socket',
    message: `Prosody asks on ${path} in the generic protocol, but xtokend answers there in that of ejabberd`,
    fix: 'name another socket in xtoken_socket, or remove protocol=ejabberd, or FileDescriptorName=ejabberd, of this one',
  };
}

function missing(path: string, fault: string): Finding {
  const fix = `start xtokend: systemctl enable --now xtokend.socket, or xtokend serve --listen unix:${quoted(path)},group=prosody`;
  return { level: 'problem', code: 'socket-missing', subject: 'socket', message: fault, fix };
}

function dead(path: string, code: string): Finding {
  const isLeft = code === 'ECONNREFUSED';
  const message = isLeft
    ? `nobody answers on ${path}: the xtokend that made it is gone`
    : `nobody can connect to ${path} (${code})`;
  const fix = 'start it again; its log says why it ended';
  return { level: 'problem', code: 'socket-no-listener', subject: 'socket', message, fix };
}

function unreachable(
  path: string,
  obstacle: Obstacle,
  account: Account,
  level: 'problem' | 'warning',
): Finding {
  const message = describeObstacle(obstacle, account, 'connect to');
  return {
    level,
    code: 'socket-unreachable',
    subject: 'socket',
    message,
    fix: fixOf(path, obstacle, account),
  };
}

function fixOf(path: string, { kind, path: place }: Obstacle, { name }: Account): string {
  if (kind === 'unknown') return 'run this as root to know';
  if (kind === 'directory')
    return `chmod o+x ${quoted(place)}; under systemd, DirectoryMode=0755 in xtokend.socket`;
  return `xtokend serve --listen unix:${quoted(path)},group=${name}; under systemd, SocketGroup=${name} in a drop-in for xtokend.socket`;
}
