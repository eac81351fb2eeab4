import { setImmediate as nextIteration } from 'node:timers/promises';
import type { Daemon } from '../../daemon/daemon.js';

/** The option with which bin/xtokend starts Node: the debugger can't open at this address. */
const NO_DEBUGGER = '--inspect-port=[ff00::]:9229';

/** An option of Node that opens the debugger, unlike one that only sets its address, such as `--inspect-port`. */
const OPEN_DEBUGGER = /--inspect(?![-_](?:port|publish))/;

/**
 * Keeps SIGHUP from ending the process, and SIGUSR1 from opening Node's debugger, until {@link handleSignals}. The daemon
 * reads its configuration after that in any case.
 */
export function holdSignals(): void {
  // The supervisor checks for the handler of SIGHUP before it sends either.
  for (const signal of ['SIGUSR1', 'SIGHUP'] as const) process.on(signal, () => undefined);
  keepDebuggerClosed();
}

/**
 * Reloads a daemon at SIGHUP, and writes its summary at SIGUSR1. Call this before the daemon reads anything, so that no
 * signal is lost.
 *
 * @param reload never rejects
 * @returns a function that does what SIGHUP does
 */
export function handleSignals(daemon: Daemon, reload: () => Promise<void>): () => void {
  const requestReload = oneAtATime(reload);
  process.on('SIGHUP', requestReload);
  process.on('SIGUSR1', () => {
    daemon.summarize();
  });
  return requestReload;
}

/** Returns a signal that SIGTERM and SIGINT abort, so that pending requests are answered. A second one ends the process. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit();
      controller.abort();
    });
  }
  return controller.signal;
}

/** Returns a function that starts some work. Calls while the work is under way repeat it once. */
function oneAtATime(work: () => Promise<void>): () => void {
  let isDue = false;
  let isUnderWay = false;
  const run = async (): Promise<void> => {
    isUnderWay = true;
    while (isDue) {
      // Signals that are pending arrive one by one, each with all its microtasks.
      await nextIteration();
      isDue = false;
      await work();
    }
    isUnderWay = false;
  };
  return () => {
    isDue = true;
    if (!isUnderWay) void run();
  };
}

/**
 * Keeps Node's debugger closed after a SIGUSR1 that came before there was a handler for it: through the debugger every local
 * user can read the secrets. Closes it whenever it opens, unless it cannot open at all or the command line asks for it.
 */
function keepDebuggerClosed(): void {
  const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
  if (options.includes(NO_DEBUGGER) || options.some((option) => OPEN_DEBUGGER.test(option))) return;
  const node: NodeJS.EventEmitter = process;
  // Node opens it more than once for one signal, the last time in the first event loop iteration, after all timers. It emits
  // this event each time, as soon as the debugger is open.
  node.on('internalMessage', () => void closeDebugger());
  void closeDebugger();
}

async function closeDebugger(): Promise<void> {
  // Loading this takes some milliseconds, and bin/xtokend nearly always makes it unnecessary.
  const { default: inspector } = await import('node:inspector');
  inspector.close();
}
