import { fstatSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Daemon } from '../../daemon/daemon.js';
import { NO, YES } from '../../protocol/generic.js';
import { serveTerminal } from '../../server/terminal/serve-terminal.js';
import { watchServer, type Visibility } from '../../server/terminal/server-watch.js';
import { ANSWER_DESCRIPTOR, type SupervisorHandover } from '../../server/terminal/supervisor-handover.js';
import { openTerminalInput } from '../../server/terminal/terminal-input.js';
import { parentOf, uptime } from '../../system/processes.js';

const UPTIME_GRAIN_MILLISECONDS = 10;
const ANSWERS = { yes: YES, no: NO, spoiler: Buffer.from('?\n') };

/** Warnings of what can go wrong if this process sees only a part of the server. */
const WARNINGS: Readonly<Record<Visibility, string | undefined>> = {
  terminal: undefined,
  'any-terminal':
    'cannot see on which terminal the server waits (/proc/PID/syscall is not readable, perhaps by kernel.yama.ptrace_scope); with more than one ' +
    'host on the stock module, a login can get the result of another after a signal to the server. Use mod_auth_xtoken instead',
  none:
    'cannot see whether the server waits (/proc/PID is not readable, perhaps by hidepid=); after a signal to the server, each login can get the ' +
    'result of the one before. Use mod_auth_xtoken instead',
};

/** Serves the terminal of Prosody's external module, which the supervisor has handed over. */
export async function serveSupervisedTerminal(
  { drainedAt, startsInRequest, supervisorPid, serverPid }: SupervisorHandover,
  { decide, onCompleted, answerWithin, log }: Daemon,
  stop: AbortSignal,
): Promise<void> {
  const terminal = terminalNumber();
  const watch = watchServer({ parent: serverPid, supervisor: supervisorPid, terminal, parentOf });
  const warning = WARNINGS[watch.visibility];
  if (warning !== undefined) log.write('warning', warning);
  const clock = (): number => performance.now();
  await serveTerminal({
    input: process.stdin,
    port: {
      read: openTerminalInput('/proc/self/fd/0'),
      look: watch.look,
      traffic: watch.traffic,
      write: (answer) => writeSync(ANSWER_DESCRIPTOR, ANSWERS[answer]),
      clock,
    },
    decide,
    onCompleted,
    answerWithin,
    // The supervisor has only the clock of /proc, in hundredths of a second; subtract the time since then on this clock.
    drainedAt: clock() - (uptime() - drainedAt) - UPTIME_GRAIN_MILLISECONDS,
    startsInRequest,
    // A supervisor that has ended has no parent.
    isOrphaned: () => parentOf(supervisorPid) !== serverPid,
    stop,
  });
}

/** Returns N of the terminal /dev/pts/N on standard input: its minor number. */
function terminalNumber(): number {
  const { rdev } = fstatSync(0);
  return (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
}
