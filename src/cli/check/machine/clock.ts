import { existsSync } from 'node:fs';
import { formatTime } from '../../shared/time.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import { runProgram } from './run-program.js';

const { ok, note, warning, problem } = findings('clock');

const TIMEOUT_MILLISECONDS = 3000;
/** systemd-timesyncd.service(8) creates it when it has set the clock. */
const TIMESYNC_MARK = '/run/systemd/timesync/synchronized';

/** A program that knows whether the clock is synchronized, and what its output then holds, or does not hold. */
interface Probe {
  readonly command: readonly [program: string, ...args: string[]];
  readonly yes: RegExp;
  readonly no: RegExp;
}

/** NTP status probes, the most reliable first: the first asks the kernel (adjtimex(2)), whatever program sets the clock. */
const probes: readonly Probe[] = [
  { command: ['timedatectl', 'show', '--property=NTPSynchronized', '--value'], yes: /^yes$/m, no: /^no$/m },
  {
    command: ['chronyc', '-n', 'tracking'],
    yes: /^Leap status *: (Normal|Insert|Delete)/m,
    no: /^Leap status *: Not/m,
  },
  { command: ['ntpq', '-c', 'rv 0 leap'], yes: /leap=(00|01|10)/, no: /leap=11/ },
];

/** Checks the clock: a token is valid for about a minute, by the clocks of two machines. */
export async function checkClock({
  now,
  builtAt,
  env,
}: Pick<Situation, 'now' | 'builtAt' | 'env'>): Promise<Finding[]> {
  if (now < builtAt) return [wrong(now, builtAt)];
  const options = { env: { ...env, LC_ALL: 'C' }, timeout: TIMEOUT_MILLISECONDS };
  for (const { command, yes, no } of probes) {
    const [program, ...args] = command;
    const output = (await runProgram(program, args, options)) ?? '';
    if (yes.test(output)) return [synchronized];
    if (no.test(output)) return [unsynchronized];
  }
  return [existsSync(TIMESYNC_MARK) ? synchronized : unknown];
}

function wrong(now: number, builtAt: number): Finding {
  const message = `the clock shows ${formatTime(now)}, but xtokend was built on ${formatTime(builtAt)}: valid tokens are refused`;
  const fix = 'set the clock, and keep it synchronized: apt-get install systemd-timesyncd, or chrony';
  return problem('clock-wrong', message, fix);
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
