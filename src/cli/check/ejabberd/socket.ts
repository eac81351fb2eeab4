import { quoted } from '../../../quoted.js';
import { findings, type Finding } from '../finding.js';
import { describeObstacle, obstacleTo, type Obstacle } from '../machine/access.js';
import { findAccount } from '../machine/accounts.js';
import type { Situation } from '../situation.js';
import { ask, askDaemon, TIMEOUT_MILLISECONDS } from '../sockets/ask.js';
import { connectingGroup, explainOldProcess, joinGroup, SOCKET_GROUP } from '../sockets/group.js';
import type { EjabberdHost } from './configuration.js';

const { note, problem } = findings('ejabberd');

/** The user as which Debian runs ejabberd. */
const USER = 'ejabberd';
const SERVICE = 'ejabberd';

/** Checks whether ejabberd's user may connect to a socket, and whether xtokend answers there in ejabberd's protocol. */
export async function checkBridgedSocket(
  { name }: EjabberdHost,
  path: string,
  situation: Situation,
): Promise<Finding[]> {
  const result = await ask(path, 'ejabberd', isUser(name), TIMEOUT_MILLISECONDS);
  const isForbidden = result.kind === 'unreachable' && result.code === 'EACCES';
  if (result.kind === 'unreachable' && !isForbidden) return [missing(path, result.code)];
  const account = findAccount(USER);
  const obstacle = account && obstacleTo(path, account, 'write');
  if (account && obstacle && obstacle.kind !== 'unknown') {
    return [unreachable(describeObstacle(obstacle, account, 'connect to'), fixOf(path, obstacle, situation))];
  }
  const old = account && explainOldProcess('ejabberd', path, account, 'beam.smp');
  if (old !== undefined) return [unreachable(old, `systemctl restart ${SERVICE}`)];
  if (isForbidden) {
    const message = `extauth_program connects to ${path}; this user may not, so whether that is xtokend is unknown`;
    return [note('ejabberd-program-unknown', message, 'run this as root')];
  }
  return result.kind === 'answered' ? [] : [await explainSilence(path, situation)];
}

const isUser = (host: string): Parameters<typeof ask>[2] => ({
  operation: 'isuser',
  user: 'xtokend-check',
  host,
});

function missing(path: string, code: string): Finding {
  const messages: Readonly<Record<string, string>> = {
    ENOENT: `extauth_program connects to ${path}, but there is no such socket`,
    ECONNREFUSED: `extauth_program connects to ${path}, but no process listens there`,
  };
  const message = messages[code] ?? `extauth_program cannot connect to ${path} (${code})`;
  const fix = 'systemctl enable --now xtokend.socket, or correct the path in extauth_program';
  return problem('ejabberd-socket-missing', message, fix);
}

function unreachable(message: string, fix: string): Finding {
  return problem('ejabberd-socket-unreachable', message, fix);
}

function fixOf(path: string, obstacle: Obstacle, situation: Situation): string {
  if (obstacle.kind === 'directory') return `chmod o+x ${quoted(obstacle.path)}`;
  const group = obstacle.kind === 'file' ? connectingGroup(obstacle.stats, situation) : undefined;
  if (group !== undefined) return joinGroup(group, USER, SERVICE);
  return `xtokend serve --listen unix:${quoted(path)},group=${USER}; under systemd, SocketGroup=${SOCKET_GROUP} in xtokend.socket`;
}

async function explainSilence(path: string, situation: Situation): Promise<Finding> {
  const { kind, protocol } = await askDaemon(path, situation);
  if (kind === 'answered') {
    const message = `extauth_program connects to ${path}, but xtokend only uses the ${protocol} protocol there`;
    const fix = `name another socket; or remove protocol=${protocol} of --listen, --protocol ${protocol}, or FileDescriptorName=${protocol} of the socket unit, and restart xtokend`;
    return problem('ejabberd-protocol', message, fix);
  }
  const message = `extauth_program connects to ${path}, but the process that listens there gives no valid answer`;
  const fix = 'see the log of xtokend (journalctl -u xtokend), and restart it';
  return problem('ejabberd-socket-no-answer', message, fix);
}
