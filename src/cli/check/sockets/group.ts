import type { Stats } from 'node:fs';
import { DEFAULT_FILE } from '../../../config/locate.js';
import { nameOfGroup } from '../../../system/accounts.js';
import { obstacleTo, statOf } from '../machine/access.js';
import type { Account } from '../machine/accounts.js';
import { findRunning } from '../machine/running.js';
import type { Situation } from '../situation.js';

/** The group that sysusers.conf creates: its members can connect to the socket. */
export const SOCKET_GROUP = 'xtokend-socket';
/** The group that can read the secrets. */
const SECRETS_GROUP = 'xtokend';

/** Returns the shell command that lets a chat server connect, by the group of the socket. */
export function joinGroup(group: string, user: string, service: string): string {
  return `usermod --append --groups ${group} ${user} && systemctl restart ${service}`;
}

/**
 * Returns the group whose members may connect to a socket.
 *
 * @returns `undefined` if there is none, or a chat server must not be in it: the group is root's, or can read the secrets
 */
export function connectingGroup({ gid, mode }: Stats, situation: Situation): string | undefined {
  const name = nameOfGroup(gid);
  const { file, secretFiles, service } = situation;
  const readsSecrets = [DEFAULT_FILE, file, ...secretFiles].some((path) => {
    const stats = statOf(path);
    return stats?.gid === gid && (stats.mode & 0o040) !== 0;
  });
  const isUnsafe = gid === 0 || readsSecrets || service?.account.gids.includes(gid) === true;
  const mayConnect = (mode & 0o020) !== 0;
  return isUnsafe || !mayConnect || name === SECRETS_GROUP || name === String(gid) ? undefined : name;
}

/**
 * Finds a running server that may not connect to a socket, although its user may: a process gets its groups when it starts.
 *
 * @param server its name in the message
 * @param program the name of its program
 * @returns a message, or `undefined` if there is no such process
 */
export function explainOldProcess(
  server: string,
  path: string,
  account: Account,
  program: string,
): string | undefined {
  for (const { pid, gids } of findRunning(account, program)) {
    const obstacle = obstacleTo(path, { ...account, gids }, 'write');
    if (obstacle?.kind === 'file' || obstacle?.kind === 'directory') {
      const group = nameOfGroup(obstacle.stats.gid);
      return `${server} (process ${pid}) may not connect to ${path}: it was started before user ${account.name} was added to the group ${group}`;
    }
  }
  return undefined;
}
