import { quoted } from '../../../quoted.js';
import type { Finding } from '../finding.js';
import { checkServedMetrics, shutOut } from '../daemon/metrics.js';
import type { Situation } from '../situation.js';
import { checkUsers } from '../configuration/users.js';
import { SERVICE, type Service } from './find-service.js';
import { findHindrances } from './obstacles.js';
import { tryAsService } from './trial.js';

/** What was found by checks that were made as the service. */
export interface ServiceFindings {
  readonly findings: readonly Finding[];
  /** Whether they replace what root would find. */
  readonly isTried: boolean;
}

/**
 * Makes the checks whose result depends on who makes them as the service: root may do more, and under the unit even the user of
 * the service may do less.
 */
export async function checkAsService(situation: Situation): Promise<ServiceFindings> {
  const { service, unjudged } = situation;
  if (service === undefined) {
    return { findings: unjudged === undefined ? [] : [untried(unjudged)], isTried: false };
  }
  const trial = await tryAsService(service);
  if (trial.kind === 'untried') return { findings: [untried(trial.reason)], isTried: false };
  if (trial.kind === 'failed') return { findings: [unstartable(trial.status)], isTried: true };
  const explained = trial.findings.map((finding) => explain(finding, situation, service));
  const findings = await Promise.all(explained.map((finding) => lookFromOutside(finding, situation)));
  const reasons = await explainReading(trial.findings, situation, service);
  return { findings: [...findings, ...reasons, tried(service)], isTried: true };
}

/** Says whose finding it is, and adds what root knows about its cause. */
function explain(finding: Finding, situation: Situation, service: Service): Finding {
  const { level, message } = finding;
  if (level !== 'problem' && level !== 'warning') return finding;
  const named = { ...finding, message: `as ${SERVICE} (user ${service.account.name}): ${message}` };
  const fix = howToPermit(finding, situation, service) ?? finding.fix;
  return fix === undefined ? named : { ...named, fix };
}

/** Finds out why the service can't use what root can. */
async function explainReading(
  findings: readonly Finding[],
  situation: Situation,
  service: Service,
): Promise<Finding[]> {
  if (!findings.some(isFailing)) return [];
  const hindrances = findHindrances(situation, service);
  if (hindrances.length > 0) return hindrances.map(({ message, fix }) => unreadable(message, fix));
  const isBrokenForRoot = situation.fault !== undefined || (await checkUsers(situation)).some(isFailing);
  return isBrokenForRoot ? [] : [unreadable(ROOT_CAN, COMPARE_UNIT)];
}

function isFailing({ level, subject }: Finding): boolean {
  return level === 'problem' && (subject === 'configuration' || subject === 'users');
}

const ROOT_CAN = `root can use what ${SERVICE} can't`;
const COMPARE_UNIT =
  'see whether its unit hides a file (ProtectHome=, PrivateTmp=, InaccessiblePaths=), or gives it another one (LoadCredential=)';

function howToPermit(
  { code }: Finding,
  { configuration }: Situation,
  { account, group, hasPrivateNetwork }: Service,
): string | undefined {
  const replay = configuration?.replay;
  if (code === 'log-unwritable')
    return `${permitWriting('DIRECTORY', account.name)}, for the directory of the log`;
  if (code !== 'replay-unavailable' || replay === undefined) return undefined;
  const isOverTcp = replay.kind === 'redis' && replay.addresses.some(({ path }) => path === undefined);
  if (isOverTcp && hasPrivateNetwork) return 'the drop-in redis-tcp.conf lets the service reach it';
  if (replay.kind !== 'directory' || replay.otherwise !== undefined) return undefined;
  const best = 'leave replay.path out: systemd makes /var/lib/xtokend for the service (StateDirectory=)';
  return group === undefined ? best : `${best}\nor ${permitWriting(replay.path, account.name)}`;
}

function permitWriting(path: string, user: string): string {
  const directory = quoted(path);
  return `install -d -o ${user} -m 700 ${directory}, ReadWritePaths=${directory} below [Service] by systemctl edit xtokend, then systemctl restart xtokend`;
}

/** Metrics that the service can serve are of no use if nobody else can ask for them. */
async function lookFromOutside(finding: Finding, situation: Situation): Promise<Finding> {
  const address = situation.configuration?.metrics;
  if (finding.code !== 'metrics-ok' || address === undefined) return finding;
  if ('port' in address && situation.service?.hasPrivateNetwork === true) {
    return shutOut(`${address.host}:${address.port}`);
  }
  return (await checkServedMetrics(situation)) ?? finding;
}

function tried({ account }: Service): Finding {
  return {
    level: 'ok',
    code: 'service-ok',
    subject: 'service',
    message: `configuration, keys, users, record, log and metrics were checked as ${SERVICE}, which is user ${account.name}`,
  };
}

function unreadable(message: string, fix: string): Finding {
  return { level: 'problem', code: 'service-unreadable', subject: 'service', message, fix };
}

function untried(reason: string): Finding {
  return {
    level: 'note',
    code: 'service-not-tested',
    subject: 'service',
    message: `what ${SERVICE} may do was not tried: ${reason}`,
  };
}

function unstartable(status: number): Finding {
  return {
    level: 'problem',
    code: 'service-unstartable',
    subject: 'service',
    message: `systemd can't start ${SERVICE}: ${statuses[status] ?? `status ${status}`}`,
    fix: `journalctl -u ${SERVICE} -n 20 says more`,
  };
}

/** Of systemd.exec(5), those that a mistake in a drop-in or on the machine leads to. */
const statuses: Readonly<Record<number, string>> = {
  127: 'there is no node in its PATH (127)',
  203: 'the program that ExecStart= names is missing, or its user may not run it (203/EXEC)',
  216: 'there is no such group as Group= or SupplementaryGroups= names (216/GROUP)',
  217: 'there is no such user as User= names (217/USER)',
  226: 'a directory that the unit names is missing, such as in ReadWritePaths= (226/NAMESPACE)',
  233: 'the directory of RuntimeDirectory= cannot be made (233/RUNTIME_DIRECTORY)',
  238: 'the directory of StateDirectory= cannot be made (238/STATE_DIRECTORY)',
  243: 'a file that LoadCredential= names is missing (243/CREDENTIALS)',
};
