import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { commandWordsOf } from '../../../system/processes.js';
import { attempt } from './access.js';
import type { Account } from './accounts.js';

/** A running process. */
export interface Running {
  readonly pid: number;
  /** Its primary group, then its supplementary groups: those that its user had when it started. */
  readonly gids: readonly number[];
}

/** An interpreter and one option of it can come before the program. */
const WORDS = 3;

/** Finds the processes of a user that run a program, such as `lua5.4 /usr/bin/prosody -F` (proc(5), /proc/pid/status). */
export function findRunning({ uid }: Account, program: string): Running[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .flatMap((pid) => {
      const status = attempt(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? '';
      const [, user] = numbersIn(status, 'Uid');
      if (user !== uid || !runs(pid, program)) return [];
      const [, gid = 0] = numbersIn(status, 'Gid');
      return { pid, gids: [gid, ...numbersIn(status, 'Groups')] };
    });
}

function runs(pid: number, program: string): boolean {
  const words = commandWordsOf(pid).slice(0, WORDS);
  return words.some((word) => basename(word) === program);
}

/** Returns the numbers of a line; of users and groups, the second is the effective one. */
function numbersIn(status: string, name: string): number[] {
  const [, line = ''] = new RegExp(`^${name}:(.*)$`, 'm').exec(status) ?? [];
  return line.split(/\s+/).filter(Boolean).map(Number);
}
