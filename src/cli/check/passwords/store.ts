import { codeOf, messageOf } from '../../../errors.js';
import {
  MAX_FILE_BYTES,
  parseLines,
  type AppPasswordEntry,
} from '../../../passwords/app-passwords/entries.js';
import type { AppPasswordSettings } from '../../../passwords/settings.js';
import { explainReadError, isMissing, readTextFile } from '../../../system/read-file.js';
import { domainOf } from '../../../credential/jid/jid.js';
import type { Hosts } from '../../../config/configuration.js';
import { findings, type Finding } from '../finding.js';
import { statOf } from '../machine/access.js';
import type { Situation } from '../situation.js';

const { ok, note, problem } = findings('passwords');

/** Reads a file of app passwords, as the daemon does. */
export async function checkStore(
  { path }: AppPasswordSettings,
  { configuration }: Situation,
): Promise<Finding[]> {
  let text: string;
  try {
    text = readTextFile(path, MAX_FILE_BYTES);
  } catch (error) {
    return [isMissing(error) ? missing(path) : unreadable(path, explainReadError(error), fixOf(path, error))];
  }
  try {
    const lines = await parseLines(path, text);
    const entries = lines.flatMap(({ entry }) => entry ?? []);
    return [describe(path, entries), ...checkHosts(path, entries, configuration?.hosts)];
  } catch (error) {
    const message = `no app password is accepted: ${messageOf(error).replace(/\. Correct or remove this line$/, '')}`;
    const fix = 'correct or remove this line; xtokend then reads the file again by itself';
    return [problem('passwords-store-invalid', message, fix)];
  }
}

function missing(path: string): Finding {
  const message = `nobody has an app password yet: there is no ${path}`;
  return note('passwords-store-missing', message, 'to make one: xtokend passwd JID --label phone');
}

function fixOf(path: string, error: unknown): string {
  if (codeOf(error) === 'EACCES') return 'run xtokend check as root, which prints the command';
  return statOf(path)?.isFile() === true
    ? 'correct the file; xtokend then reads it again by itself'
    : 'set passwords.store to a file, such as "file:/etc/xtokend/app-passwords"';
}

/** Reports that a file of app passwords can't be read. */
export function unreadable(path: string, reason: string, fix: string): Finding {
  const message = `no app password is accepted: cannot read ${path}: ${reason}`;
  return problem('passwords-store-unreadable', message, fix);
}

function describe(path: string, entries: readonly AppPasswordEntry[]): Finding {
  const users = new Set(entries.map(({ jid }) => jid)).size;
  const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
  return ok(
    'passwords-store-ok',
    `${path} has ${counted(entries.length, 'app password')} of ${counted(users, 'user')}`,
  );
}

/** Reports app passwords for a host that doesn't use this file, such as one with a typo. */
function checkHosts(path: string, entries: readonly AppPasswordEntry[], hosts: Hosts | undefined): Finding[] {
  const usesFile = (host: string): boolean =>
    hosts
      ?.of(host)
      ?.passwords?.backends.some((backend) => backend.kind === 'app-passwords' && backend.path === path) ===
    true;
  const unused = [...new Set(entries.map(({ jid }) => domainOf(jid)))].filter((host) => !usesFile(host));
  if (unused.length === 0) return [];
  const message = `${path} has app passwords for ${unused.join(', ')}, which does not use this file`;
  return [
    note(
      'passwords-store-unused',
      message,
      'xtokend passwd JID --remove; or correct [hosts] in the configuration',
    ),
  ];
}
