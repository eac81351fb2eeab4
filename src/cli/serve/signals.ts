import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Service } from '../../daemon/service.js';
import { keepDebuggerClosed } from './debugger.js';

/**
 * Keeps SIGHUP from ending the process, and SIGUSR1 from opening Node's debugger, until {@link handleSignals} does what they
 * are for: the configuration is read after that in any case.
 */
export function holdSignals(): void {
  // The supervisor looks at SIGHUP before it sends either.
  for (const signal of ['SIGUSR1', 'SIGHUP'] as const) process.on(signal, () => undefined);
  keepDebuggerClosed();
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
