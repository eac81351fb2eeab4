import { existsSync } from 'node:fs';
import { formatTime } from '../../shared/time.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import { runProgram } from './run-program.js';

const { ok, note, warning, problem } = findings('clock');

const TIMEOUT_MILLISECONDS = 3000;
/** systemd-timesyncd.service(8) creates it when it has set the clock. */
const TIMESYNC_MARK = '/run/systemd/timesync/synchronized';

/**
 * NTP status probes: a program, its arguments, and its output if the clock is synchronized, or not. The first is the most reliable: it
 * asks the kernel (adjtimex(2)), whatever program sets the clock.
 */
const PROBES = [
  ['timedatectl', ['show', '--property=NTPSynchronized', '--value'], /^yes$/m, /^no$/m],
  ['chronyc', ['-n', 'tracking'], /^Leap status *: (Normal|Insert|Delete)/m, /^Leap status *: Not/m],
  ['ntpq', ['-c', 'rv 0 leap'], /leap=(00|01|10)/, /leap=11/],
] as const;

/** Checks whether the clock is synchronized, because a token is valid for about a minute only. */
export async function checkClock(situation: Pick<Situation, 'now' | 'builtAt' | 'env'>): Promise<Finding[]> {
  const { now, builtAt, env } = situation;
  if (now < builtAt) {
    const message = `the clock shows ${formatTime(now)}, but xtokend was built on ${formatTime(builtAt)}: valid tokens are refused`;
    const fix = 'set the clock, and keep it synchronized: apt-get install systemd-timesyncd, or chrony';
    return [problem('clock-wrong', message, fix)];
  }
  const options = { env: { ...env, LC_ALL: 'C' }, timeout: TIMEOUT_MILLISECONDS };
  for (const [program, args, yes, no] of PROBES) {
    const output = (await runProgram(program, args, options)) ?? '';
    if (yes.test(output)) return [synchronized];
    if (no.test(output)) return [unsynchronized];
  }
  return [existsSync(TIMESYNC_MARK) ? synchronized : unknown];
}

const synchronized = ok('clock-synchronized', 'the clock is synchronized');

const unsynchronized = warning(
  'clock-unsynchronized',
  'the clock is not synchronized: once it is a minute off, valid tokens are refused',
  'timedatectl set-ntp true, or apt-get install chrony; on the signing machine as well',
);

const unknown = note(
  'clock-unknown',
  'cannot tell whether the clock is synchronized: neither systemd nor chrony nor ntpd reports it here',
  'in a container, check this on the host; compare with: date -u',
);
