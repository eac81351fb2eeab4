import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { quoted } from '../../../quoted.js';
import type { Obstacle } from '../machine/access.js';
import type { Account } from '../machine/accounts.js';
import { ownedBy } from '../prosody/started/state-directory.js';
import type { Situation } from '../situation.js';
import { connectingGroup, joinGroup, SOCKET_GROUP } from './group.js';
import type { SocketPath } from './socket-paths.js';

/** How to fix what is wrong with a socket, or with the daemon that should listen on it. */
export interface SocketFixes {
  readonly missing: string;
  readonly noListener: string;
  /** @param stop what ends the process that listens */
  readonly noAnswer: (stop: string) => string;
  readonly refuses: string;
  readonly otherProtocol: (protocol: string) => string;
  readonly notTested: string;
  readonly unreachable: (obstacle: Obstacle, account: Account, situation: Situation) => string;
}

/** Returns the fixes for a socket: they depend on who starts the daemon. */
export function fixesFor(socket: SocketPath, account: Account | undefined): SocketFixes {
  return socket.isStarted === true ? fixesOfStarted(socket, account) : fixesOfOther(socket);
}

const PROSODY_LOG = "Prosody's log (by default in /var/log/prosody)";
const STARTED_LOG = 'its log (journalctl -u prosody, or what Prosody prints; without both, syslog)';

/** Prosody starts the daemon, and is the only one that needs its socket. */
function fixesOfStarted({ path }: SocketPath, account: Account | undefined): SocketFixes {
  return {
    missing: `start or restart Prosody: systemctl restart prosody, or prosodyctl restart; ${PROSODY_LOG} shows why it starts no xtokend`,
    noListener: `Prosody starts it again within 30 s; if not, see ${PROSODY_LOG}, and restart Prosody`,
    noAnswer: () => `see ${STARTED_LOG}, and restart Prosody`,
    refuses: `see ${STARTED_LOG}; if the configuration has changed: prosodyctl reload`,
    otherProtocol: (protocol) => `remove --protocol ${protocol} from xtoken_command, and restart Prosody`,
    notTested: `run this as root, or as user ${account?.name ?? 'prosody'}`,
    unreachable: (_, { name, gids }) => `${ownedBy(dirname(path), name, gids[0])}, and restart Prosody`,
  };
}

function fixesOfOther({ path, isForModule = false }: SocketPath): SocketFixes {
  return {
    missing: fixOfMissing(path, isForModule),
    noListener: 'start xtokend again; its log shows why it ended',
    noAnswer: (stop) =>
      `see the log of xtokend (journalctl -u xtokend), and restart it; if another program listens there: ${stop}`,
    refuses:
      'see its log (journalctl -u xtokend); if the configuration has changed, reload or restart xtokend',
    otherProtocol: (protocol) =>
      `remove protocol=${protocol} of --listen, --protocol ${protocol}, or FileDescriptorName=${protocol} of the socket unit, and restart xtokend; or name another socket in xtoken_socket`,
    notTested: 'run this as root, or as a member of the group of the socket',
    unreachable: (obstacle, { name }, situation) =>
      obstacle.kind === 'directory'
        ? `chmod o+x ${quoted(obstacle.path)}; under systemd, DirectoryMode=0755 in xtokend.socket`
        : fixOfGroup(path, obstacle, name, situation),
  };
}

function fixOfGroup(path: string, obstacle: Obstacle, user: string, situation: Situation): string {
  const group = 'stats' in obstacle ? connectingGroup(obstacle.stats, situation) : undefined;
  if (group !== undefined) return joinGroup(group, user, 'prosody');
  const unit = `SocketGroup=${SOCKET_GROUP} and SocketMode=0660, as in the xtokend.socket of this package`;
  return `xtokend serve --listen unix:${quoted(path)},group=${user}; under systemd, ${unit}, and ${joinGroup(SOCKET_GROUP, user, 'prosody')}`;
}

function fixOfMissing(path: string, isForModule: boolean): string {
  if (path.startsWith('unix:')) return `xtoken_socket = "${path.slice('unix:'.length)}"`;
  const correct = isForModule ? 'correct xtoken_socket' : 'name another socket: --socket PATH';
  if (existsSync(path)) return correct;
  return `start xtokend: systemctl enable --now xtokend.socket, or xtokend serve --listen unix:${quoted(path)},group=prosody; or ${correct}`;
}
