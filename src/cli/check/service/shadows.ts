import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { quoted } from '../../../quoted.js';
import { DEBIAN_DIRECTORY } from '../../shared/package-directory.js';
import { findings, type Finding } from '../finding.js';
import { attempt } from '../machine/access.js';
import { findDifference } from './compare-units.js';
import { SERVICE, SOCKET } from './find-service.js';

const { warning } = findings('service');

/** Those that have precedence over the units of Debian packages (systemd.unit(5)). */
const DIRECTORIES = ['/etc', '/run', '/usr/local/lib'].map((directory) => `${directory}/systemd/system`);
const ACCOUNTS = 'xtokend.conf';

/** Finds copies of the units and of sysusers.conf that were made by hand, and replace those of the Debian package. */
export function checkShadows(): Finding[] {
  if (!existsSync(join(DEBIAN_DIRECTORY, 'bin/xtokend'))) return [];
  const units = [SERVICE, SOCKET].flatMap((unit) =>
    DIRECTORIES.flatMap((directory) => shadow(join(directory, unit), ownUnit(unit))),
  );
  return [...units, ...shadow(`/etc/sysusers.d/${ACCOUNTS}`, `/usr/lib/sysusers.d/${ACCOUNTS}`)];
}

/** Returns the path of a unit of the Debian package. */
export function ownUnit(unit: string): string {
  const path = `/usr/lib/systemd/system/${unit}`;
  return existsSync(path) ? path : `/lib/systemd/system/${unit}`;
}

function shadow(copy: string, own: string): Finding[] {
  const [copied, packaged] = [copy, own].map((path) => attempt(() => readFileSync(path, 'utf8')));
  // A masked unit is a link to /dev/null.
  if (copied === undefined || copied === '' || packaged === undefined) return [];
  const difference = findDifference(copied, packaged);
  const state = copied === packaged ? 'equal today' : (difference?.text ?? 'it differs');
  const message = `${copy} replaces ${own} of the Debian package, and does not change with it (${state})`;
  return [warning('service-unit-shadows', message, removal(copy, difference !== undefined))];
}

function removal(copy: string, isDifferent: boolean): string {
  const name = basename(copy);
  const remove = `rm ${quoted(copy)}`;
  if (name === ACCOUNTS) return `${remove} && systemd-sysusers ${ACCOUNTS}`;
  const move = `move settings of your own to a drop-in (systemctl edit ${name}), then: `;
  return `${isDifferent ? move : ''}${remove} && systemctl daemon-reload && systemctl restart ${name}`;
}
