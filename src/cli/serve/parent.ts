import { fstatSync, statSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { withoutSecrets } from '../../system/known-secrets.js';

const STDOUT = 1;
const STDERR = 2;
/** Far longer than any command. */
const MAX_LINE_CHARACTERS = 64;
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
 * @param onReload called for the line `reload`
 * @returns a signal that is aborted when the input ends, as it does with the parent process
 */
export function followParent(input: Readable, onReload: () => void): AbortSignal {
  const ended = new AbortController();
  let rest = '';
  input.setEncoding('latin1').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()?.slice(0, MAX_LINE_CHARACTERS) ?? '';
    if (lines.includes('reload')) onReload();
  });
  for (const event of ['end', 'close', 'error']) {
    input.on(event, () => {
      ended.abort();
    });
  }
  return ended.signal;
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
