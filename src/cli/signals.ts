import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Service } from '../operations/service.js';
import { KEEPER_VARIABLE } from '../server/terminal/keeper-handover.js';

/**
 * Keeps SIGHUP from ending the process, and SIGUSR1 from opening Node's debugger to everybody on the machine, until
 * {@link handleSignals} does what they are for: the configuration is read after that in any case.
 */
export function holdSignals(): void {
  // The keeper looks at SIGHUP before it sends either.
  for (const signal of ['SIGUSR1', 'SIGHUP'] as const) process.on(signal, () => undefined);
  // It sends none that early; and loading this takes some milliseconds, which Prosody would have to wait.
  if (process.env[KEEPER_VARIABLE] !== undefined) return;
  // A thread of its own opens it, which can take its time.
  for (const pause of [0, 100, 1000]) setTimeout(() => void closeDebugger(), pause).unref();
}

/**
 * Does what signals ask a service for: SIGHUP to reload, SIGUSR1 to say how it goes. To be called before the service reads
 * anything, so that no signal is lost.
 *
 * @param reload never rejects
 */
export function handleSignals(service: Service, reload: () => Promise<void>): void {
  process.on('SIGHUP', oneAtATime(reload));
  process.on('SIGUSR1', () => {
    service.summarize();
  });
}

/** @returns what does some work now, or once more after it where it is under way: a storm of signals adds up to no more */
function oneAtATime(work: () => Promise<void>): () => void {
  let isAsked = false;
  let isUnderWay = false;
  const run = async (): Promise<void> => {
    isUnderWay = true;
    while (isAsked) {
      // The signals that have come already are handed over one by one, each with all its microtasks.
      await nextTurn();
      isAsked = false;
      await work();
    }
    isUnderWay = false;
  };
  return () => {
    isAsked = true;
    if (!isUnderWay) void run();
  };
}

/** Where a SIGUSR1 came before any of our code ran. */
async function closeDebugger(): Promise<void> {
  const options = [...process.execArgv, process.env['NODE_OPTIONS']];
  if (options.some((option) => option?.includes('--inspect'))) return;
  const { default: inspector } = await import('node:inspector');
  if (inspector.url() !== undefined) inspector.close();
}
