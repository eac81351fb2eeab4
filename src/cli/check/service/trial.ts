import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../../errors.js';
import { isRoot } from '../../../system/effective-user.js';
import type { Finding } from '../finding.js';
import { SERVICE_PATH } from '../machine/node.js';
import { runProgram } from '../machine/run-program.js';
import { SERVICE, showUnits, systemctl, type Service } from './find-service.js';
import type { UnitSetting } from './unit-settings.js';

/** The result of the checks that run as the service. */
export type Trial =
  | { readonly kind: 'done'; readonly findings: readonly Finding[] }
  /** systemd or the program ended with this status before anything could be checked (systemd.exec(5)). */
  | { readonly kind: 'failed'; readonly status: number }
  | { readonly kind: 'not-tested'; readonly reason: string };

/** More than the check of passwords takes if no back end answers. */
const TIMEOUT_SECONDS = 60;
/** Settings that start, stop and watch a unit, or name its output: the trial has its own. */
const LIFE_CYCLE =
  /^(?:Exec(?:Start|Stop|Reload|Condition)|Type$|ExitType|Notify|Restart|Watchdog|Timeout|RuntimeMax|RuntimeRandomized|RuntimeDirectoryPreserve|Sockets|PIDFile|BusName|GuessMainPID|RemainAfterExit|Kill|SendSIG|FinalKill|SuccessExit|FileDescriptor|USB|OOMPolicy|RootDirectoryStartOnly|NonBlocking|Standard|TTY|Syslog|Log(?:Level|RateLimit|Extra|Namespace|Filter)|StartLimit)/;

/**
 * Runs `xtokend check --as-service` in a process that systemd starts exactly as it would start the service: with its user, groups,
 * credentials, directories, view of the file system, network and system calls.
 */
export async function tryAsService(service: Service): Promise<Trial> {
  const settings = service.settings
    .filter(({ name }) => !LIFE_CYCLE.test(name))
    .map((setting) => shareRuntime(setting, service));
  const reason = findObstacle(settings);
  if (reason !== undefined) return notTested(reason);
  try {
    // Not in /tmp: systemd and this process may have different ones.
    const directory = mkdtempSync('/run/xtokend-check-');
    try {
      const unit = `xtokend-check-${randomUUID()}.service`;
      return await run(unit, join(directory, 'findings'), settings, service);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  } catch (error) {
    return notTested(messageOf(error));
  }
}

/**
 * Keeps the trial from removing the runtime directories of a running service. The trial preserves them; but with `DynamicUser=`
 * systemd moves preserved directories, so the trial then uses those of the service.
 */
function shareRuntime(setting: UnitSetting, { isDynamic }: Service): UnitSetting {
  if (!isDynamic || setting.name !== 'RuntimeDirectory' || setting.value === '') return setting;
  const paths = setting.value.split(/\s+/).map((name) => `-/run/${name.split(':')[0] ?? ''}`);
  return { name: 'ReadWritePaths', value: paths.join(' ') };
}

function findObstacle(settings: readonly UnitSetting[]): string | undefined {
  if (!isRoot()) return 'only root can start a process as the service';
  // systemd does not expand specifiers in a setting from systemd-run(1).
  const special = settings.find(({ value }) => value.replaceAll('%%', '').includes('%'));
  if (special !== undefined) return `${special.name}= has a specifier (%)`;
  // Every user could read it on the command line.
  return settings.some(({ name }) => name === 'SetCredential') ? 'SetCredential= holds a secret' : undefined;
}

async function run(
  unit: string,
  output: string,
  settings: readonly UnitSetting[],
  { command, configOption }: Service,
): Promise<Trial> {
  const properties = [
    ...settings.map(({ name, value }) => `${name}=${value}`),
    'Type=oneshot',
    'RuntimeDirectoryPreserve=yes',
    `TimeoutStartSec=${TIMEOUT_SECONDS}`,
    // The exit code of check if there is a problem.
    'SuccessExitStatus=1',
    `StandardOutput=truncate:${output}`,
  ].map((property) => `--property=${property}`);
  const config = configOption === undefined ? [] : ['--config', configOption];
  const options = [
    '--quiet',
    `--unit=${unit}`,
    '--description=xtokend check, as xtokend.service',
    ...properties,
  ];
  const ended = await runProgram(
    'systemd-run',
    [...options, '--', ...command, 'check', '--json', '--as-service', ...config],
    { env: { PATH: SERVICE_PATH }, timeout: (TIMEOUT_SECONDS + 10) * 1000 },
  );
  if (ended === undefined) return explainFailure(unit);
  return readFindings(readFileSync(output, 'utf8').replaceAll(unit, SERVICE));
}

function readFindings(text: string): Trial {
  try {
    return { kind: 'done', findings: (JSON.parse(text) as { findings: Finding[] }).findings };
  } catch {
    return notTested(UNKNOWN_PROGRAM);
  }
}

const UNKNOWN_PROGRAM = 'ExecStart= does not start this version of xtokend';
/** Exit codes from here on are systemd's own (systemd.exec(5), "Process Exit Codes"). */
const FIRST_STATUS_OF_SYSTEMD = 200;
/** The exit code of bin/xtokend if there is no node. */
const NO_NODE = 127;

async function explainFailure(unit: string): Promise<Trial> {
  const [properties = {}] = await showUnits([unit]);
  await systemctl('reset-failed', unit);
  const { LoadState: state, ExecMainStatus: code, Result: result } = properties;
  const status = Number(code);
  if (state !== 'loaded') return notTested('systemd-run does not accept a setting of the unit');
  if (result === 'timeout') return notTested(`the checks took more than ${TIMEOUT_SECONDS} s`);
  const isOfService = status === NO_NODE || status >= FIRST_STATUS_OF_SYSTEMD || result !== 'exit-code';
  return isOfService ? { kind: 'failed', status } : notTested(UNKNOWN_PROGRAM);
}

function notTested(reason: string): Trial {
  return { kind: 'not-tested', reason };
}
