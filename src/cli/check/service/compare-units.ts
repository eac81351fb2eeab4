import { readFileSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { quoted } from '../../../quoted.js';
import { findGroup } from '../../../system/accounts.js';
import { createAccounts } from '../../shared/accounts.js';
import { DEBIAN_DIRECTORY, packageDirectory } from '../../shared/package-directory.js';
import { findings, type Finding } from '../finding.js';
import { attempt } from '../machine/access.js';
import { SERVICE_PATH } from '../machine/node.js';
import type { Situation } from '../situation.js';
import { SERVICE, showUnits, SOCKET, type Service } from './find-service.js';
import { readSettings } from './unit-settings.js';

const { note, warning } = findings('service');

/** In `/usr/lib`, a distribution's package keeps unit and program in step. */
const COPIED = /^\/(?:etc|run|usr\/local\/lib)\//;
/**
 * Settings without an effect, the command, which depends on the machine and works if the service runs, and the protocol of a socket,
 * which the checks of sockets examine.
 */
const IGNORED = new Set(['Description', 'Documentation', 'ExecStart', 'FileDescriptorName']);

/** How an installed unit differs from the one of the package. */
export interface Difference {
  /** Whether the unit only has more settings than that of the package. */
  readonly isAddition: boolean;
  readonly text: string;
}

/** Compares the units that were copied by hand with those of the package. */
export async function checkUnits({ service }: Situation): Promise<Finding[]> {
  // Another check reports copies of the units of the Debian package: they must be removed, not updated.
  if (service === undefined || !runsThisPackage(service) || packageDirectory() === DEBIAN_DIRECTORY)
    return [];
  const units = [SERVICE, SOCKET];
  const shown = await showUnits(units);
  return units.flatMap((unit, index) => checkUnit(unit, shown[index]?.['FragmentPath'] ?? ''));
}

/** Another installation of xtokend, or another program, has units of its own. */
function runsThisPackage({ command }: Service): boolean {
  const directory = attempt(() => realpathSync(packageDirectory()));
  return command
    .flatMap((word) =>
      word.includes('/') ? [word] : SERVICE_PATH.split(':').map((path) => join(path, word)),
    )
    .some((path) => attempt(() => realpathSync(path))?.startsWith(`${directory}${sep}`) === true);
}

function checkUnit(unit: string, path: string): Finding[] {
  const source = join(packageDirectory(), 'systemd', unit);
  const [installed, packaged] = [path, source].map((file) => attempt(() => readFileSync(file, 'utf8')));
  if (!COPIED.test(path) || installed === undefined || packaged === undefined) return [];
  const difference = findDifference(installed, packaged);
  if (difference === undefined) return [];
  const { isAddition, text } = difference;
  const message = `${path} is not the unit of this xtokend: ${text}`;
  const [, group] = /^SocketGroup=(.+)$/m.exec(packaged) ?? [];
  const isGroupMissing = group !== undefined && findGroup(group) === undefined;
  const accounts = isGroupMissing ? `${createAccounts()} && ` : '';
  const copy = `${accounts}cp ${quoted(source)} ${quoted(path)} && systemctl daemon-reload && systemctl restart ${unit}`;
  const fix = `move settings of your own to a drop-in (systemctl edit ${unit}), then: ${copy}`;
  return [(isAddition ? note : warning)('service-unit-differs', message, fix)];
}

/** Returns the first setting that differs. Comments and the order of settings with different names don't matter. */
export function findDifference(installed: string, packaged: string): Difference | undefined {
  const [found, expected] = [valuesOf(installed), valuesOf(packaged)];
  const different = [...expected].find(([key, value]) => found.get(key) !== value);
  if (different !== undefined) {
    const [key, value] = different;
    const other = found.get(key);
    const text = other === undefined ? `it lacks ${value}` : `it has ${other} instead of ${value}`;
    return { isAddition: false, text };
  }
  const more = [...found.keys()].find((key) => !expected.has(key));
  // The value of an unexpected setting can be a secret.
  return more === undefined
    ? undefined
    : { isAddition: true, text: `it also has ${more.split(' ')[1] ?? ''}=` };
}

/** Returns the lines of each setting, by its section and name: those with the same name add to each other in their order. */
function valuesOf(unit: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const { section, name, value } of readSettings(unit)) {
    if (IGNORED.has(name)) continue;
    const key = `${section} ${name}`;
    const line = `${name}=${name.startsWith('Exec') ? withoutDirectory(value) : value.replaceAll(/\s+/g, ' ')}`;
    const before = values.get(key);
    values.set(key, before === undefined ? line : `${before}, ${line}`);
  }
  return values;
}

/** Such as `xtokend reload` for `/usr/bin/xtokend reload`. */
function withoutDirectory(command: string): string {
  return command.replace(/^([-@:+!|]*)\S*\//, '$1');
}
