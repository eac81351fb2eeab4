import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf } from '../../support/system/processes.js';
import type { Prosody } from '../../support/servers/prosody.js';
import { login } from '../../support/servers/xmpp-login.js';
import { newUser, tokenOf } from '../logins.js';

/** Disturbs the server until `stop` is aborted, and leaves all its processes running. */
export type Disturbance = (prosody: Prosody, stop: AbortSignal) => Promise<void>;

/** The results of the logins. */
export interface StormResult {
  /** How many invalid credentials were accepted during the storm. */
  readonly wronglyAccepted: number;
  readonly accepted: number;
  /** How many results after the storm don't belong to the credentials. */
  readonly wrongAfterwards: number;
}

/** The parameters of {@link storm}. */
export interface StormOptions {
  /** The hosts that take turns; each has a terminal of its own. */
  readonly hosts: readonly string[];
  readonly logins: number;
  readonly loginsAfterwards: number;
  readonly disturb: Disturbance;
}

/** Logs in with valid and invalid credentials in turn while something disturbs the server, and some more times afterwards. */
export async function storm(prosody: Prosody, options: StormOptions): Promise<StormResult> {
  for (const host of options.hosts) while (!(await isAccepted(prosody, host, true)));
  const stop = new AbortController();
  const disturbed = options.disturb(prosody, stop.signal);
  let [accepted, wronglyAccepted, wrongAfterwards] = [0, 0, 0];
  for (let count = 0; count < options.logins; count += 1) {
    const isValid = count % 2 === 0;
    if (!(await isAccepted(prosody, hostOf(options, count), isValid))) continue;
    accepted += 1;
    if (!isValid) wronglyAccepted += 1;
  }
  stop.abort();
  await disturbed;
  // The last signal may cost one login per host.
  for (const host of options.hosts) await isAccepted(prosody, host, true);
  for (let count = 0; count < options.loginsAfterwards; count += 1) {
    const isValid = count % 2 === 1;
    if ((await isAccepted(prosody, hostOf(options, count), isValid)) !== isValid) wrongAfterwards += 1;
  }
  return { accepted, wronglyAccepted, wrongAfterwards };
}

/** Returns the host of a login: each host gets a valid and an invalid one in a row. */
function hostOf({ hosts }: StormOptions, count: number): string {
  return hosts[Math.floor(count / 2) % hosts.length] ?? '';
}

async function isAccepted(prosody: Prosody, host: string, isValid: boolean): Promise<boolean> {
  const username = newUser();
  const password = isValid ? tokenOf(`${username}@${host}`) : 'rubbish';
  const { decision } = await login({ service: prosody.service('TCP'), domain: host, username, password });
  return decision === 'accepted';
}

/** Sends the server a signal that it handles, at random intervals. */
function signals(signal: NodeJS.Signals): Disturbance {
  return async ({ pid }, stop) => {
    while (!stop.aborted) {
      await sleep(Math.random() * 8);
      process.kill(pid, signal);
    }
  };
}

/** Stops the server, the supervisors and Node at random, in any combination, while the server gets SIGHUP. */
const stops: Disturbance = async ({ pid }, stop) => {
  const all = [pid, ...descendantsOf(pid)];
  while (!stop.aborted) {
    await sleep(Math.random() * 40);
    const some = all.filter(() => Math.random() < 0.3);
    for (const one of some) process.kill(one, 'SIGSTOP');
    if (Math.random() < 0.5) process.kill(pid, 'SIGHUP');
    await sleep(Math.random() * 40);
    for (const one of some) process.kill(one, 'SIGCONT');
  }
};

/** The disturbances, by name. */
export const disturbances: readonly [name: string, disturb: Disturbance][] = [
  ['SIGHUP', signals('SIGHUP')],
  ['SIGCHLD', signals('SIGCHLD')],
  ['SIGSTOP, SIGCONT and SIGHUP', stops],
];
