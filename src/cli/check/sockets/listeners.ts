import {
  isSystemd,
  killCommand,
  listenersAt,
  nameHolder,
  type SocketHolder,
} from '../../../system/socket-holders.js';
import { findings, type Finding } from '../finding.js';
import { SERVICE, SOCKET } from '../service/find-service.js';
import type { Situation } from '../situation.js';
import { listedInUnit } from './socket-paths.js';

const { warning, problem } = findings('socket');

const RESTART = `systemctl restart ${SOCKET} ${SERVICE}`;

/** Finds processes that listen at the path of a socket, and are not the one that should. */
export function checkListeners(path: string, { isServiceUsed }: Situation): Finding[] {
  const listeners = listenersAt(path);
  const [only = []] = listeners;
  if (listeners.length > 1) return [shared(path, listeners)];
  const isOfService = only.some((holder) => isSystemd(holder) || holder.unit === SERVICE);
  if (only.length === 0 || isOfService || !isServiceUsed || !listedInUnit().includes(path)) return [];
  const message = `${only.map(nameHolder).join(' and ')} listens at ${path} instead of ${SOCKET}, so chat servers ask that process, which can have another configuration and another replay cache, and not ${SERVICE}`;
  const fix = `${only.map(killCommand).join('; ')}; ${RESTART}`;
  return [warning('socket-not-of-service', message, fix)];
}

/**
 * Reports several processes at one path: a chat server that connected to one of them earlier stays there, and gets the answers of
 * another configuration and another replay cache.
 */
function shared(path: string, listeners: readonly SocketHolder[][]): Finding {
  const isOfSystemd = (holders: readonly SocketHolder[]): boolean => holders.some(isSystemd);
  const age = (holders: readonly SocketHolder[]): number =>
    Math.max(...holders.map(({ startedAt }) => startedAt));
  // The one to keep is that of systemd, else the youngest.
  const [kept = [], ...rest] = [...listeners].sort(
    (a, b) => Number(isOfSystemd(b)) - Number(isOfSystemd(a)) || age(b) - age(a),
  );
  const others = rest.flat();
  const who = others.length === 0 ? 'processes of other users' : others.map(nameHolder).join(', ');
  const message = `more than one process listens at ${path}: a chat server that connected earlier still asks ${who}`;
  const commands = others.map(killCommand);
  // If the path leads to another process than systemd, only a restart of the socket unit changes that.
  const all = isOfSystemd(kept) ? [...commands, RESTART] : commands;
  const fix = commands.length === 0 ? 'run this as root to see which' : all.join('; ');
  return problem('socket-shared', message, fix);
}
