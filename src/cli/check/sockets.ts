import { connect } from 'node:net';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../../errors.js';
import { findExposure } from '../../trusted-path.js';
import { obstacleTo, type Obstacle } from './access.js';
import { findAccount, type Account } from './accounts.js';
import { describeObstacle } from './describe-obstacle.js';
import type { Finding } from './finding.js';
import { prosodyUser } from './prosody.js';
import { readProsody } from './prosody-configuration.js';
import { quoted } from '../../quoted.js';
import type { Situation } from './situation.js';
import { findSockets, type SocketPath } from './socket-paths.js';
import { trustedWith } from './trusted-users.js';

const PATIENCE_MILLISECONDS = 2000;

/** Looks at whether Prosody's user may connect to the sockets of xtokend, and whether somebody answers there. */
export async function checkSockets(situation: Situation): Promise<Finding[]> {
  const prosody = readProsody(situation);
  const user = prosody === undefined || 'fault' in prosody ? 'prosody' : prosodyUser(prosody);
  const account = findAccount(user);
  const findings = findSockets(situation).map(async (socket) => [
    ...checkPlace(socket.path),
    ...(await checkSocket(socket, account)),
  ]);
  return (await Promise.all(findings)).flat();
}

/** Whoever can change a directory on the way can put another socket there, and collect the tokens that it is asked about. */
function checkPlace(path: string): Finding[] {
  const exposure = findExposure(dirname(path), trustedWith(path));
  if (exposure === undefined) return [];
  const message = `${exposure.message}, and so can put another socket in the place of ${path}`;
  return [{ level: 'problem', code: 'socket-exposed', subject: 'socket', message, cure: exposure.fix }];
}

async function checkSocket(
  { path, isExpected }: SocketPath,
  account: Account | undefined,
): Promise<Finding[]> {
  const fault = kindFault(path);
  if (fault !== undefined) return [missing(path, fault)];
  const refusal = await connectOnce(path);
  if (refusal === 'ECONNREFUSED') return [dead(path)];
  const obstacle = account && obstacleTo(path, account, 'write');
  if (account && obstacle) return [unreachable(path, obstacle, account, isExpected ? 'problem' : 'warning')];
  const message = `${account === undefined ? 'somebody' : `user ${account.name} may connect, and somebody`} answers on ${path}`;
  return [{ level: 'ok', code: 'socket-good', subject: 'socket', message }];
}

function kindFault(path: string): string | undefined {
  try {
    return statSync(path).isSocket() ? undefined : `${path} is no socket`;
  } catch (error) {
    return codeOf(error) === 'EACCES' ? undefined : `there is no socket ${path}`;
  }
}

/** @returns the code of what is in the way, or `undefined` */
function connectOnce(path: string): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (outcome: unknown): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(PATIENCE_MILLISECONDS, () => {
      settle(undefined);
    });
    socket.on('connect', () => {
      settle(undefined);
    });
    socket.on('error', (error) => {
      settle(codeOf(error));
    });
  });
}

function missing(path: string, fault: string): Finding {
  const cure = `start xtokend: systemctl enable --now xtokend.socket, or xtokend serve --listen unix:${quoted(path)},group=prosody`;
  return { level: 'problem', code: 'socket-missing', subject: 'socket', message: fault, cure };
}

function dead(path: string): Finding {
  const message = `nobody answers on ${path}: the xtokend that made it is gone`;
  const cure = 'start it again; its log says why it ended';
  return { level: 'problem', code: 'socket-dead', subject: 'socket', message, cure };
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
    cure: cureOf(path, obstacle, account),
  };
}

function cureOf(path: string, { kind, path: place }: Obstacle, { name }: Account): string {
  if (kind === 'unknown') return 'run this as root to know';
  if (kind === 'folder')
    return `chmod o+x ${quoted(place)}; under systemd, DirectoryMode=0755 in xtokend.socket`;
  return `xtokend serve --listen unix:${quoted(path)},group=${name}; under systemd, SocketGroup=${name} in a drop-in for xtokend.socket`;
}
