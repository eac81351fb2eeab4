import { readFileSync } from 'node:fs';
import type { Finding } from '../finding.js';
import { listenersOn } from './listeners.js';

/** A process that holds a socket which the path no longer leads to, or not for long. */
interface Rival {
  readonly pid: number;
  readonly isStopped: boolean;
  readonly startedAt: number;
}

/**
 * Finds processes that listen by the name of a socket beside the one that is asked: a chat server that connected to one of them
 * before stays there, and gets the answers of another configuration and another record.
 */
export function checkShared(path: string): Finding[] {
  const rivals = rivalsOn(path);
  if (rivals === undefined) return [];
  const names = rivals.map(({ pid, isStopped }) => `process ${pid}${isStopped ? ' (stopped)' : ''}`);
  const who = names.length === 0 ? 'processes of other users' : names.join(', ');
  return [
    {
      level: 'problem',
      code: 'socket-shared',
      subject: 'socket',
      message: `more than one process listens by the name ${path}: a chat server that connected earlier still asks ${who}`,
      fix:
        rivals.length === 0
          ? 'run this as root to know which'
          : rivals.map(({ pid, isStopped }) => `kill ${isStopped ? '-KILL ' : ''}${pid}`).join('; '),
    },
  ];
}

/** @returns all but the one to stay, which is the one that systemd holds, else the youngest; `undefined` if there is one at most */
function rivalsOn(path: string): Rival[] | undefined {
  const listeners = listenersOn(path).map(({ pids }) => pids.flatMap((pid) => look(pid) ?? []));
  if (listeners.length < 2) return undefined;
  const age = (holders: readonly Rival[]): number => Math.max(...holders.map(({ startedAt }) => startedAt));
  const [, ...rest] = listeners.sort(
    (a, b) => Number(isOfSystemd(b)) - Number(isOfSystemd(a)) || age(b) - age(a),
  );
  return rest.flat();
}

function isOfSystemd(holders: readonly Rival[]): boolean {
  return holders.some(({ pid }) => pid === 1);
}

/** @returns `undefined` if it is gone */
function look(pid: number): Rival | undefined {
  try {
    // proc(5): the name in parentheses may hold anything.
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { pid, isStopped: state === 'T', startedAt: Number(fields[18]) };
  } catch {
    return undefined;
  }
}
