import { messageOf } from '../../errors.js';
import { checkAbsentHosts } from './chat-hosts.js';
import { checkClock } from './daemon/clock.js';
import { checkConfiguration } from './configuration/configuration.js';
import { checkEjabberd } from './ejabberd/ejabberd.js';
import type { Finding, Subject } from './finding.js';
import { checkKeys } from './configuration/keys.js';
import { checkLog } from './daemon/log.js';
import { checkMetrics } from './daemon/metrics.js';
import { checkNode } from './daemon/node.js';
import { checkProsody } from './prosody/prosody.js';
import { checkReplayCache } from './daemon/replay.js';
import { checkSecretFiles } from './configuration/secret-files.js';
import { checkSecrets } from './configuration/secrets.js';
import { checkAsService } from './service/check-as-service.js';
import { checkRunning } from './service/check-running.js';
import type { Situation } from './situation.js';
import { checkSockets } from './sockets/sockets.js';
import { checkUsers } from './configuration/users.js';

type Check = (situation: Situation) => readonly Finding[] | Promise<readonly Finding[]>;

/** Those that say something else for each user that makes them. */
const daemonChecks: readonly (readonly [Subject, Check])[] = [
  ['configuration', checkConfiguration],
  ['secrets', checkSecrets],
  ['keys', checkKeys],
  ['users', checkUsers],
  ['replay', checkReplayCache],
  ['log', checkLog],
  ['metrics', checkMetrics],
];

const machineChecks: readonly (readonly [Subject, Check])[] = [
  ['program', checkNode],
  ['secrets', checkSecretFiles],
  ['clock', checkClock],
  ['socket', checkSockets],
  ['prosody', checkProsody],
  ['ejabberd', checkEjabberd],
  ['configuration', checkAbsentHosts],
];

/** The order in which findings are shown. */
const SUBJECTS: readonly Subject[] = [
  'program',
  'configuration',
  'secrets',
  'keys',
  'users',
  'clock',
  'replay',
  'log',
  'metrics',
  'service',
  'socket',
  'prosody',
  'ejabberd',
];

/** Makes all checks: those of the daemon as the service that systemd runs, if there is one. */
export async function runChecks(situation: Situation): Promise<Finding[]> {
  const machine = runAll(machineChecks, situation);
  const { findings, isTried } = await checkAsService(situation);
  const foundOnMachine = await machine;
  const daemon = isTried ? [] : await runDaemonChecks(situation);
  // Last: it says what runs now, after the sockets may have started it.
  const running = await run('service', checkRunning, situation);
  const all = [...foundOnMachine, ...daemon, ...findings, ...running];
  return all.sort((a, b) => SUBJECTS.indexOf(a.subject) - SUBJECTS.indexOf(b.subject));
}

/** Makes the checks of the daemon as this process. */
export function runDaemonChecks(situation: Situation): Promise<Finding[]> {
  return runAll(daemonChecks, situation);
}

/** What keeps one check from being made keeps no other. */
async function runAll(checks: typeof daemonChecks, situation: Situation): Promise<Finding[]> {
  const findings = await Promise.all(checks.map(([subject, check]) => run(subject, check, situation)));
  return findings.flat();
}

async function run(subject: Subject, check: Check, situation: Situation): Promise<readonly Finding[]> {
  try {
    return await check(situation);
  } catch (error) {
    const message = `this could not be looked at: ${messageOf(error)}`;
    return [{ level: 'warning', code: 'not-checked', subject, message }];
  }
}
