import { statSync } from 'node:fs';
import type { Configuration, HostSettings } from '../config/configuration.js';
import { loadConfiguration } from '../config/load.js';
import { domainOf, normalizeJid } from '../credential/jid/jid.js';
import { messageOf } from '../errors.js';
import { idOf, type AppPasswordEntry } from '../passwords/app-passwords/entries.js';
import { AppPasswordFileError, InvalidAppPasswordError } from '../passwords/app-passwords/errors.js';
import { readAppPasswords } from '../passwords/app-passwords/manage.js';
import { assertPassword } from '../passwords/app-passwords/rules.js';
import { asOwner } from './owner/as-owner.js';
import { settingsOfDaemons, startedDirectory } from './shared/daemon-stores.js';
import { readLastUses } from './shared/last-uses.js';
import { hostOf } from './shared/login.js';
import { explainMissing } from './shared/missing-store.js';
import { describeAccess } from './shared/new-file.js';
import { readInput } from './shared/read-input.js';
import { formatTime } from './shared/time.js';
import { UsageError } from './shared/usage-error.js';

/** The options of `xtokend passwd`. */
export interface PasswdOptions {
  readonly config?: string;
  readonly label?: string;
  /** Reads the password from stdin. */
  readonly stdin?: boolean;
  /** Prints the app passwords instead. */
  readonly list?: boolean;
  /** Removes an app password instead. */
  readonly remove?: boolean;
  /** With `remove`: all of the user. */
  readonly all?: boolean;
  /** The configuration of Prosody, whose module may start a daemon. */
  readonly prosody: string;
}

const READABLE_BY_GROUP = 0o040;
const EXAMPLE = 'such as: xtokend passwd alice@example.com --label phone';

/**
 * `xtokend passwd`: adds, lists and removes app passwords. A running daemon reads the change by itself.
 *
 * @param jidText can be `undefined` with `--list`
 * @throws {@link UsageError}, {@link AppPasswordFileError}, {@link InvalidAppPasswordError}, {@link DuplicateLabelError},
 *   {@link InvalidJidError}, and what `loadConfiguration` throws
 */
export async function passwd(jidText: string | undefined, options: PasswdOptions): Promise<void> {
  assertUsage(jidText, options);
  const jid = jidText === undefined ? undefined : normalizeJid(jidText);
  const configuration = await loadConfiguration(options.config, process.env);
  if (options.list === true) return list(configuration, jid, options.prosody);
  const name = String(jid);
  const path = await pathFor(name, configuration);
  if (options.remove === true) return remove(path, name, options.label);
  return add(path, name, String(options.label), options, configuration.file);
}

function assertUsage(jid: string | undefined, options: PasswdOptions): void {
  const mistake = findMistake(jid, options);
  if (mistake !== undefined) throw new UsageError(mistake);
}

function findMistake(jid: string | undefined, options: PasswdOptions): string | undefined {
  const { label, stdin = false, list = false, remove = false, all = false } = options;
  if (list) {
    const isAlone = label === undefined && !stdin && !remove && !all;
    return isAlone ? undefined : 'expected --list alone, or with a JID';
  }
  if (jid === undefined) return `expected a JID and --label LABEL, ${EXAMPLE}`;
  if (remove) {
    if ((label === undefined) !== all) return 'expected --label LABEL or --all with --remove';
    return stdin ? 'expected --remove without --stdin' : undefined;
  }
  if (all) return 'expected --all together with --remove';
  return label === undefined ? `expected --label LABEL, ${EXAMPLE}` : undefined;
}

async function add(
  path: string,
  jid: string,
  label: string,
  { stdin }: PasswdOptions,
  configuration: string,
): Promise<void> {
  const chosen = stdin === true ? await readPassword() : undefined;
  const group = groupOf(configuration);
  const [password] = await asOwner({ kind: 'add', file: path, jid, label, password: chosen, group });
  process.stderr.write(
    `xtokend: added the app password "${label}" of ${jid} to ${path} (${describeAccess(path)})\n`,
  );
  if (chosen !== undefined) return;
  process.stderr.write('xtokend: it is printed only this once, because the file has only a hash:\n');
  process.stdout.write(`${String(password)}\n`);
}

async function readPassword(): Promise<string> {
  if (process.stdin.isTTY) {
    throw new UsageError(
      '--stdin: expected a pipe or a file, found a terminal, which would show the password',
    );
  }
  const password = await readInput();
  try {
    assertPassword(password);
  } catch (error) {
    throw new InvalidAppPasswordError(`${messageOf(error)}. To have xtokend create one, leave out --stdin`);
  }
  return password;
}

/** Returns the group that can read the configuration, as which the daemon may run. */
function groupOf(configuration: string): number | undefined {
  const { mode, gid } = statSync(configuration);
  return (mode & READABLE_BY_GROUP) === 0 ? undefined : gid;
}

async function remove(path: string, jid: string, label: string | undefined): Promise<void> {
  const removed = await asOwner({ kind: 'remove', file: path, jid, label });
  if (removed.length === 0) {
    const what = label === undefined ? 'app password' : `app password "${label}"`;
    throw new AppPasswordFileError(
      path,
      `${jid} has no ${what}; nothing to remove. See xtokend passwd ${jid} --list`,
    );
  }
  const labels = removed.map((each) => `"${each}"`).join(', ');
  process.stderr.write(
    `xtokend: removed the app password${removed.length > 1 ? 's' : ''} ${labels} of ${jid} from ${path}. Open sessions stay open; xtokend revoke ends them\n`,
  );
}

/** Returns the file of the app passwords of a user. @throws {@link UsageError} if there is none */
async function pathFor(jid: string, configuration: Configuration): Promise<string> {
  const { settings, refusal } = hostOf(jid, configuration);
  if (settings === undefined) throw new UsageError(refusal);
  const path = pathOf(settings);
  if (path !== undefined) return path;
  throw new UsageError(await explainMissing(domainOf(jid), configuration));
}

function pathOf({ passwords }: HostSettings): string | undefined {
  return passwords?.backends.find((backend) => backend.kind === 'app-passwords')?.path;
}

async function list(configuration: Configuration, jid: string | undefined, prosody: string): Promise<void> {
  const paths = jid === undefined ? configuration.appPasswordFiles : [await pathFor(jid, configuration)];
  if (paths.length === 0) throw new UsageError(await explainMissing(undefined, configuration));
  const found = (await Promise.all(paths.map(readAppPasswords))).flat();
  const entries = found.filter((entry) => jid === undefined || entry.jid === jid);
  if (entries.length === 0) process.stderr.write(`xtokend: no app passwords in ${paths.join(' and ')}\n`);
  else print(entries, await findLastUses(configuration, prosody));
}

/** Returns `undefined` if they are unknown. */
async function findLastUses(
  { replay }: Configuration,
  prosody: string,
): Promise<ReadonlyMap<string, number> | undefined> {
  try {
    const stores = settingsOfDaemons(replay, process.env, () => startedDirectory(prosody, process.env));
    return await readLastUses(stores);
  } catch (error) {
    process.stderr.write(`xtokend: the last uses are unknown: ${messageOf(error)}\n`);
    return undefined;
  }
}

function print(entries: readonly AppPasswordEntry[], uses: ReadonlyMap<string, number> | undefined): void {
  const rows = entries.map((entry) => {
    const used = uses?.get(idOf(entry));
    const lastUse = used === undefined ? (uses === undefined ? 'unknown' : 'never') : formatTime(used);
    return [entry.jid, entry.label, formatTime(entry.created), lastUse];
  });
  const table = [['JID', 'LABEL', 'CREATED', 'LAST USE'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  for (const row of table) {
    process.stdout.write(`${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`);
  }
}
