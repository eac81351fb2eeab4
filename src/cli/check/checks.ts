import { messageOf } from '../../errors.js';
import { checkUnusedHosts } from './chat-servers.js';
import { checkConfiguration, checkSecrets } from './configuration/configuration.js';
import { checkKeys } from './configuration/keys.js';
import { checkSecretFiles } from './configuration/secret-files.js';
import { checkUsers } from './configuration/users.js';
import { checkLog } from './daemon/log.js';
import { checkMetrics } from './daemon/metrics.js';
import { checkReplayCache } from './daemon/replay.js';
import { checkEjabberd } from './ejabberd/ejabberd.js';
import { findings, SUBJECTS, type Finding, type Subject } from './finding.js';
import { checkClock } from './machine/clock.js';
import { checkNode } from './machine/node.js';
import { checkPrograms } from './machine/programs.js';
import { checkCommandFiles } from './passwords/command-files.js';
import { checkPasswords } from './passwords/passwords.js';
import { checkPasswordServers } from './passwords/servers.js';
import { checkProsody } from './prosody/prosody.js';
import { checkAsService } from './service/check-as-service.js';
import { checkRunning } from './service/check-running.js';
import { checkUnits } from './service/compare-units.js';
import { checkShadows } from './service/shadows.js';
import type { Situation } from './situation.js';
import { checkSockets } from './sockets/sockets.js';

type Check = (situation: Situation) => readonly Finding[] | Promise<readonly Finding[]>;

/** The checks whose result depends on the user who runs them. */
const daemonChecks: readonly (readonly [Subject, Check])[] = [
  ['configuration', checkConfiguration],
  ['secrets', checkSecrets],
  ['keys', checkKeys],
  ['users', checkUsers],
  ['passwords', checkPasswords],
  ['replay', checkReplayCache],
  ['log', checkLog],
  ['metrics', checkMetrics],
];

const machineChecks: readonly (readonly [Subject, Check])[] = [
  ['program', checkNode],
  ['program', checkPrograms],
  ['secrets', checkSecretFiles],
  ['passwords', checkCommandFiles],
  ['passwords', checkPasswordServers],
  ['clock', checkClock],
  ['service', checkUnits],
  ['service', checkShadows],
  ['socket', checkSockets],
  ['prosody', checkProsody],
  ['ejabberd', checkEjabberd],
  ['configuration', checkUnusedHosts],
];

/** Runs all checks: those of the daemon as the service of systemd, if there is one. */
export async function runChecks(situation: Situation): Promise<Finding[]> {
  const machine = runAll(machineChecks, situation);
  const service = await checkAsService(situation);
  const foundOnMachine = await machine;
  const daemon = service.isTested ? await checkStartedDaemon(situation) : await runDaemonChecks(situation);
  // Last, because the checks of the sockets may have started the service.
  const running = await run('service', checkRunning, situation);
  const all = [...foundOnMachine, ...daemon, ...service.findings, ...running];
  return all.sort((a, b) => SUBJECTS.indexOf(a.subject) - SUBJECTS.indexOf(b.subject));
}

/** Runs the checks of the daemon in this process. */
export function runDaemonChecks(situation: Situation): Promise<Finding[]> {
  return runAll(daemonChecks, situation);
}

/** An xtokend that Prosody starts has another replay cache than the service. */
async function checkStartedDaemon(situation: Situation): Promise<readonly Finding[]> {
  return situation.started === undefined ? [] : run('replay', checkReplayCache, situation);
}

async function runAll(checks: typeof daemonChecks, situation: Situation): Promise<Finding[]> {
  const found = await Promise.all(checks.map(([subject, check]) => run(subject, check, situation)));
  return found.flat();
}

/** Turns an error of one check into a finding, so that the other checks still run. */
async function run(subject: Subject, check: Check, situation: Situation): Promise<readonly Finding[]> {
  try {
    return await check(situation);
  } catch (error) {
    return [findings(subject).warning('not-checked', `this check failed: ${messageOf(error)}`)];
  }
}
