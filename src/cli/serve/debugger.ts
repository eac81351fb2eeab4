/** The option with which bin/xtokend starts Node: at this address the debugger can't open. */
const NO_DEBUGGER = '--inspect-port=[ff00::]:9229';

/** An option of Node that opens the debugger, unlike one that only says where, such as `--inspect-port`. */
const OPEN_DEBUGGER = /--inspect(?![-_](?:port|publish))/;

/**
 * Keeps Node's debugger closed after a SIGUSR1 that came before there was a handler for it: through the debugger every local
 * user can read the secrets. If the debugger could open at all, closes it each time that it does, for the life of the process,
 * unless it was asked for.
 */
export function keepDebuggerClosed(): void {
  const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
  if (options.includes(NO_DEBUGGER) || options.some((option) => OPEN_DEBUGGER.test(option))) return;
  const node: NodeJS.EventEmitter = process;
  // Node opens more than once for one signal, the last time in the first event loop iteration, after all timers. It emits
  // this event each time, as soon as it has opened.
  node.on('internalMessage', () => void closeDebugger());
  void closeDebugger();
}

async function closeDebugger(): Promise<void> {
  // Loading this takes some milliseconds, and xtokend is nearly always started by bin/xtokend.
  const { default: inspector } = await import('node:inspector');
  inspector.close();
}
