import { spawnSync } from 'node:child_process';
import { descendantsOf } from '../../test/support/processes.js';

/**
 * On which core a program runs. Left to the scheduler, a client and what it asks come to stand on one core at one time and on
 * two at another; to wake a core that sleeps costs more than all the rest, so the two are measured each by itself.
 */
export type Placement = 'one core' | 'two cores' | 'anywhere';

const CLIENT_CORE = 0;
const PROGRAM_CORE = 1;

/** Puts a client and a program where they belong, with all of their threads (taskset(1)). */
export function place(placement: Placement, client: number, program: number): void {
  if (placement === 'anywhere') return;
  pin(program, PROGRAM_CORE);
  pin(client, placement === 'one core' ? PROGRAM_CORE : CLIENT_CORE);
}

/** Where a client has started the program: all that it started. */
export function placeWithChildren(placement: Placement, client: number): void {
  if (placement === 'anywhere') return;
  for (const pid of descendantsOf(client)) pin(pid, PROGRAM_CORE);
  pin(client, placement === 'one core' ? PROGRAM_CORE : CLIENT_CORE);
}

function pin(pid: number, core: number): void {
  const { status, stderr } = spawnSync('taskset', ['-apc', String(core), String(pid)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`expected taskset to place process ${pid}: ${stderr}`);
}
