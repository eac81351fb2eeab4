import { codeOf } from '../../errors.js';

/** What can be wrong with a program, in words that follow its path. They contain none of its arguments or output. */
export const faults = {
  timeout:
    'no answer within the timeout; killed it. Let it flush stdout after each answer, set "protocol" to the one that it uses, or raise passwords.timeout',
  busy: 'no process was free within the timeout. Raise "processes", or make the program faster',
  closed: 'xtokend is ending, or has loaded another configuration',
  invalid:
    'sent something other than 1 or 0 on stdout; killed it. Let it write its messages to stderr or a file, and set "protocol" to the one that it uses',
  surplus:
    'sent output without a request, or a second answer; killed it. Let it write one answer per request to stdout, and its messages to stderr or a file',
  closedPipe: 'closed its stdin or stdout, but did not exit; killed it',
} as const;

/** Describes how a program ended that was to answer. */
export function exitFault(code: number | null, signal: NodeJS.Signals | null): string {
  const how = signal === null ? `exited with ${code ?? 'no status'}` : `was killed by ${signal}`;
  return `${how} without an answer. To see why, run "xtokend check"`;
}

/** Describes why a program can't be started. */
export function startFault(error: unknown): string {
  const code = codeOf(error);
  return `can't be started: ${REASONS.get(code) ?? (typeof code === 'string' ? code : 'unknown error')}`;
}

const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'no such file, or the interpreter that its first line names is missing'],
  [
    'EACCES',
    'permission denied. Make it executable (chmod a+rx), and its directories accessible to the user of xtokend',
  ],
  ['ENOEXEC', 'it is not a program for this machine'],
  ['EAGAIN', 'too many processes. Raise TasksMax or the limit of processes (ulimit -u)'],
  ['ENOMEM', 'out of memory'],
  ['EMFILE', 'too many open files in xtokend. Raise LimitNOFILE'],
  ['ENFILE', 'too many open files on this machine'],
  ['E2BIG', 'its arguments are too long'],
  ['ETXTBSY', 'somebody is writing to it'],
]);
