import { messageOf } from '../../errors.js';
import { checkAbsentHosts } from './chat-hosts.js';
import { checkClock } from './clock.js';
import { checkConfiguration } from './configuration.js';
import { checkEjabberd } from './ejabberd.js';
import type { Finding, Subject } from './finding.js';
import { checkKeys } from './keys.js';
import { checkLog } from './log.js';
import { checkMetrics } from './metrics.js';
import { checkNode } from './node.js';
import { checkProsody } from './prosody.js';
import { checkRecord } from './record.js';
import { checkSecretFiles } from './secret-files.js';
import { checkSecrets } from './secrets.js';
import type { Situation } from './situation.js';
import { checkSockets } from './sockets.js';
import { checkUsers } from './users.js';

type Check = (situation: Situation) => readonly Finding[] | Promise<readonly Finding[]>;

/** All that `xtokend check` looks at, in the order in which it is said. */
const checks: readonly (readonly [Subject, Check])[] = [
  ['program', checkNode],
  ['configuration', checkConfiguration],
  ['secrets', checkSecretFiles],
  ['secrets', checkSecrets],
  ['keys', checkKeys],
  ['users', checkUsers],
  ['clock', checkClock],
  ['record', checkRecord],
  ['log', checkLog],
  ['metrics', checkMetrics],
  ['socket', checkSockets],
  ['prosody', checkProsody],
  ['ejabberd', checkEjabberd],
  ['configuration', checkAbsentHosts],
];

/** Looks at everything; what keeps one check from being made keeps no other. */
export async function runChecks(situation: Situation): Promise<Finding[]> {
  const findings = await Promise.all(checks.map(([subject, check]) => run(subject, check, situation)));
  return findings.flat();
}

async function run(subject: Subject, check: Check, situation: Situation): Promise<readonly Finding[]> {
  try {
    return await check(situation);
  } catch (error) {
    const message = `this could not be looked at: ${messageOf(error)}`;
    return [{ level: 'warning', code: 'not-looked-at', subject, message }];
  }
}
