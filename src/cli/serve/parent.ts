import { fstatSync, statSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { withoutSecrets } from '../../system/known-secrets.js';
import { startOf } from '../../system/processes.js';

const STDOUT = 1;
const STDERR = 2;
/** Far longer than any command. */
const MAX_LINE_CHARACTERS = 64;
/** Set by the process that starts this one: its number. */
const PARENT_VARIABLE = 'XTOKEND_PARENT';
const POLL_MILLISECONDS = 500;
/** The parent process can be a service of systemd, but this process isn't. */
const SYSTEMD_VARIABLES = [
  'NOTIFY_SOCKET',
  'RUNTIME_DIRECTORY',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
];

/** Removes from the environment what systemd has set for the parent process. @param environment is changed */
export function ignoreSystemd(environment: NodeJS.ProcessEnv): void {
  for (const name of SYSTEMD_VARIABLES) Reflect.deleteProperty(environment, name);
}

/**
 * Reads the commands of the parent process, which are lines. Ignores unknown ones.
 *
 * @param environment can name the parent process; is changed
 * @param onReload called for the line `reload`
 * @returns a signal that is aborted by the line `stop`, and when the input or the parent process ends. Other children of that can
 *   keep the input open
 */
export function followParent(
  input: Readable,
  environment: NodeJS.ProcessEnv,
  onReload: () => void,
): AbortSignal {
  const ended = new AbortController();
  watchProcess(environment[PARENT_VARIABLE] ?? '', () => {
    ended.abort();
  });
  Reflect.deleteProperty(environment, PARENT_VARIABLE);
  let rest = '';
  input.setEncoding('latin1').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()?.slice(0, MAX_LINE_CHARACTERS) ?? '';
    if (lines.includes('reload')) onReload();
    if (lines.includes('stop')) ended.abort();
  });
  for (const event of ['end', 'close', 'error']) {
    input.on(event, () => {
      ended.abort();
    });
  }
  return ended.signal;
}

/** Calls a function when a process has ended. Does nothing if it can't see the process. */
function watchProcess(id: string, onEnd: () => void): void {
  const pid = /^[1-9]\d{0,9}$/.test(id) ? Number(id) : 0;
  const start = startOf(pid);
  if (start === undefined) return;
  const timer = setInterval(() => {
    if (startOf(pid) === start) return;
    clearInterval(timer);
    onEnd();
  }, POLL_MILLISECONDS).unref();
}

/** Writes a line for the parent process to stdout: `ready`, or `error` and a message. Never throws. */
export function reportState(state: 'ready' | 'error', message = ''): void {
  const line = withoutSecrets(`${state} ${message}`).trimEnd();
  try {
    writeSync(STDOUT, `${line.replaceAll(/\r?\n\s*/g, ' | ').replaceAll(/\p{Cc}/gu, ' ')}\n`);
  } catch {
    // The log has the same message.
  }
}

/** Returns the log target of a daemon that inherits stderr: a server in the background has nothing but /dev/null there. */
export function inheritedLog(): 'stderr' | 'syslog' {
  try {
    return fstatSync(STDERR).rdev === statSync('/dev/null').rdev ? 'syslog' : 'stderr';
  } catch {
    return 'stderr';
  }
}
