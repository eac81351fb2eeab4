import { quoted } from '../../../quoted.js';
import { storeTypeOf } from '../../../replay/registry.js';
import { installDropIn } from '../../shared/drop-in.js';
import { checkUsers } from '../configuration/users.js';
import { checkServedMetrics, withoutNetwork } from '../daemon/metrics.js';
import { findings, type Finding } from '../finding.js';
import { checkStores, explainFile, howToPermitBackend } from '../passwords/as-service.js';
import type { Situation } from '../situation.js';
import { SERVICE, type Service } from './find-service.js';
import { findUnreadable } from './obstacles.js';
import { tryAsService } from './trial.js';

const { ok, note, problem } = findings('service');

/**
 * Runs the checks whose result depends on the user as the service: root may do more, and without the unit even the user of the
 * service may do more.
 *
 * @returns `isTested`: whether these findings replace those of this process
 */
export async function checkAsService(
  situation: Situation,
): Promise<{ readonly findings: readonly Finding[]; readonly isTested: boolean }> {
  const { service, uncheckedService } = situation;
  if (service === undefined)
    return { findings: uncheckedService === undefined ? [] : [notTested(uncheckedService)], isTested: false };
  const trial = await tryAsService(service);
  if (trial.kind === 'not-tested') return { findings: [notTested(trial.reason)], isTested: false };
  if (trial.kind === 'failed') return { findings: [unstartable(trial.status)], isTested: true };
  const explained = trial.findings
    .map((finding) => explainFile(finding, situation, service))
    .map((finding) => explain(finding, situation, service));
  const found = await Promise.all(explained.map((finding) => checkFromOutside(finding, situation)));
  const reasons = await explainReading(trial.findings, situation, service);
  const parts = 'configuration, keys, users, passwords, replay cache, log and metrics';
  const message = `${parts} were checked as ${SERVICE}, which runs as user ${service.account.name}`;
  return { findings: [...found, ...reasons, ok('service-ok', message)], isTested: true };
}

/** Adds the user to a finding, and what root knows about its cause. */
function explain(finding: Finding, situation: Situation, service: Service): Finding {
  const { level, message } = finding;
  if (level !== 'problem' && level !== 'warning') return finding;
  const named = { ...finding, message: `as ${SERVICE} (user ${service.account.name}): ${message}` };
  const fix = howToPermit(finding, situation, service) ?? finding.fix;
  return fix === undefined ? named : { ...named, fix };
}

/** Finds out why the service cannot use a file that root can use. */
async function explainReading(
  found: readonly Finding[],
  situation: Situation,
  service: Service,
): Promise<Finding[]> {
  if (!found.some(isFailing)) return [];
  const unreadable = findUnreadable(situation, service);
  if (unreadable.length > 0) return unreadable;
  const asRoot = [...(await checkUsers(situation)), ...(await checkStores(situation))];
  const isBrokenForRoot = situation.fault !== undefined || asRoot.some(isFailing);
  return isBrokenForRoot ? [] : [hidden];
}

function isFailing({ level, subject, code }: Finding): boolean {
  const isFile = subject === 'configuration' || subject === 'users' || code === 'passwords-store-unreadable';
  return level === 'problem' && isFile;
}

const hidden = problem(
  'service-unreadable',
  `${SERVICE} cannot use a file that root can use`,
  'check whether its unit hides the file (ProtectHome=, PrivateTmp=, InaccessiblePaths=), or replaces it (LoadCredential=)',
);

function howToPermit(
  finding: Finding,
  { configuration }: Situation,
  { account, group, hasPrivateNetwork }: Service,
): string | undefined {
  const { code } = finding;
  const replay = configuration?.replay;
  if (code.startsWith('passwords-')) return howToPermitBackend(finding, hasPrivateNetwork);
  if (code === 'log-unwritable')
    return `${permitWriting('DIRECTORY', account.name)}, for the directory of the log`;
  if (code !== 'replay-unavailable' || replay === undefined) return undefined;
  const isOverTcp = storeTypeOf(replay).needsNetwork?.(replay) === true;
  if (isOverTcp && hasPrivateNetwork)
    return `install the drop-in redis-tcp.conf, which lets the service use TCP: ${installDropIn('redis-tcp.conf')}`;
  if (replay.kind !== 'journal' || replay.otherwise !== undefined) return undefined;
  const best = 'leave replay.path out: systemd creates /var/lib/xtokend for the service (StateDirectory=)';
  return group === undefined ? best : `${best}\nor ${permitWriting(replay.path, account.name)}`;
}

function permitWriting(path: string, user: string): string {
  const directory = quoted(path);
  return `install -d -o ${user} -m 700 ${directory}, ReadWritePaths=${directory} below [Service] by systemctl edit xtokend, then systemctl restart xtokend`;
}

/** Also checks whether another process can reach the metrics that the service can serve. */
async function checkFromOutside(finding: Finding, situation: Situation): Promise<Finding> {
  const address = situation.configuration?.metrics;
  if (finding.code !== 'metrics-ok' || address === undefined) return finding;
  if ('port' in address && situation.service?.hasPrivateNetwork === true) {
    return withoutNetwork(`${address.host}:${address.port}`);
  }
  return (await checkServedMetrics(situation)) ?? finding;
}

function notTested(reason: string): Finding {
  return note('service-not-tested', `the permissions of ${SERVICE} were not tested: ${reason}`);
}

function unstartable(status: number): Finding {
  const message = `systemd cannot start ${SERVICE}: ${statuses[status] ?? `status ${status}`}`;
  const fix = `see journalctl -u ${SERVICE} -n 20`;
  return problem('service-unstartable', message, fix);
}

/** The exit codes of systemd.exec(5) that a mistake in a drop-in or on the machine leads to. */
const statuses: Readonly<Record<number, string>> = {
  127: 'there is no node in its PATH (127)',
  203: 'the program that ExecStart= names is missing, or its user may not run it (203/EXEC)',
  216: 'the group in Group= or SupplementaryGroups= does not exist (216/GROUP)',
  217: 'the user in User= does not exist (217/USER)',
  226: 'a directory that the unit names is missing, such as in ReadWritePaths= (226/NAMESPACE)',
  233: 'the directory of RuntimeDirectory= cannot be created (233/RUNTIME_DIRECTORY)',
  238: 'the directory of StateDirectory= cannot be created (238/STATE_DIRECTORY)',
  243: 'a file that LoadCredential= names is missing (243/CREDENTIALS)',
};
