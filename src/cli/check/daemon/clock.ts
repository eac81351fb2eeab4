import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { formatTime } from '../../time.js';
import type { Finding } from '../finding.js';
import type { Situation } from '../situation.js';

const REPLY_DEADLINE_MILLISECONDS = 3000;
/** systemd-timesyncd.service(8): made when the clock was set by the network. */
const TIMESYNC_MARK = '/run/systemd/timesync/synchronized';

/** Whoever knows whether the clock is kept right: `true`, `false`, or `undefined` where there is nobody to ask. */
const witnesses: readonly ((env: NodeJS.ProcessEnv) => Promise<boolean | undefined>)[] = [
  // The kernel's own opinion (adjtimex(2)), whatever program has told it.
  (env) => ask(env, 'timedatectl', ['show', '--property=NTPSynchronized', '--value'], /^yes$/m, /^no$/m),
  (env) =>
    ask(
      env,
      'chronyc',
      ['-n', 'tracking'],
      /^Leap status *: (Normal|Insert|Delete)/m,
      /^Leap status *: Not/m,
    ),
  (env) => ask(env, 'ntpq', ['-c', 'rv 0 leap'], /leap=(00|01|10)/, /leap=11/),
  () => Promise.resolve(existsSync(TIMESYNC_MARK) ? true : undefined),
];

/** Looks at the clock: a token is good for about a minute, by the clocks of two machines. */
export async function checkClock({
  now,
  builtAt,
  env,
}: Pick<Situation, 'now' | 'builtAt' | 'env'>): Promise<Finding[]> {
  if (now < builtAt) return [absurd(now, builtAt)];
  for (const witness of witnesses) {
    const isSynchronized = await witness(env);
    if (isSynchronized !== undefined) return [isSynchronized ? synchronized : unsynchronized];
  }
  return [unknown];
}

/** @returns which of two patterns the output of a program has; neither, where there is no such program or it fails */
async function ask(
  env: NodeJS.ProcessEnv,
  program: string,
  args: readonly string[],
  yes: RegExp,
  no: RegExp,
): Promise<boolean | undefined> {
  try {
    const options = { env: { ...env, LC_ALL: 'C' }, timeout: REPLY_DEADLINE_MILLISECONDS };
    const { stdout } = await promisify(execFile)(program, args, options);
    if (yes.test(stdout)) return true;
    return no.test(stdout) ? false : undefined;
  } catch {
    return undefined;
  }
}

function absurd(now: number, builtAt: number): Finding {
  return {
    level: 'problem',
    code: 'clock-wrong',
    subject: 'clock',
    message: `it is ${formatTime(now)} by the clock, but this program was made on ${formatTime(builtAt)}: good tokens are refused`,
    fix: 'set the clock, and have it kept right: apt-get install systemd-timesyncd, or chrony',
  };
}

const synchronized: Finding = {
  level: 'ok',
  code: 'clock-synchronized',
  subject: 'clock',
  message: 'the clock is kept right by the network',
};

const unsynchronized: Finding = {
  level: 'warning',
  code: 'clock-unsynchronized',
  subject: 'clock',
  message: 'nobody keeps the clock right: once it is a minute off, good tokens are refused',
  fix: 'timedatectl set-ntp true, or apt-get install chrony; on the signing machine as well',
};

const unknown: Finding = {
  level: 'note',
  code: 'clock-unknown',
  subject: 'clock',
  message: 'whether the clock is kept right cannot be told: neither systemd nor chrony nor ntpd says so here',
  fix: 'in a container it is for the machine below; compare with: date -u',
};
