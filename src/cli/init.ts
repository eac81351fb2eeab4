import { existsSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findGroup, nameOfGroup } from '../system/accounts.js';
import { DEFAULT_FILE, locateConfiguration } from '../config/locate.js';
import { codeOf, messageOf, XtokendError } from '../errors.js';
import { quoted } from '../quoted.js';
import { findExposure } from '../system/trusted-path.js';
import { obstacleTo } from './check/machine/access.js';
import { newSecrets } from './keygen.js';
import { packageDirectory, programPath } from './shared/package-directory.js';
import { describeAccess, shareFile, writeNewFile } from './shared/new-file.js';

/** The options of `xtokend init`. */
export interface InitOptions {
  readonly config?: string;
  /** A group that may read the configuration, besides the user who creates it. */
  readonly group?: string;
}

/** A configuration that cannot be written: `code` is `'cannot-init'`. */
class InitError extends XtokendError {
  constructor(file: string, reason: string, options?: ErrorOptions) {
    super('cannot-init', `cannot write the configuration ${file}: ${reason}`, options);
  }
}

/**
 * `xtokend init`: writes a configuration with fresh secrets and prints the next steps. Never changes the content of an existing
 * one, so it is safe to run twice.
 *
 * @throws {InitError} if the file cannot be written, or the group is unknown
 */
export function init({ config, group }: InitOptions): void {
  const file = resolve(locateConfiguration(config, process.env).file);
  const gid = group === undefined ? undefined : groupNumber(group, file);
  let isNew: boolean;
  try {
    // The daemon's user must be able to enter the directory, which has no secrets itself.
    process.umask(0o022);
    mkdirSync(dirname(file), { recursive: true });
    isNew = !existsSync(file) && writeNewFile(file, newConfiguration(), gid);
    if (!existsSync(file)) throw new InitError(file, 'it is a symbolic link to a missing file. Remove it');
    if (!isNew && gid !== undefined) share(file, gid);
  } catch (error) {
    if (error instanceof InitError) throw error;
    throw new InitError(file, explain(error, dirname(file)), { cause: error });
  }
  process.stdout.write(`${describe(file, isNew)}\n${warnOf(file, group, gid)}${nextSteps(config, file)}`);
}

function groupNumber(group: string, file: string): number {
  const gid = findGroup(group);
  if (gid !== undefined) return gid;
  throw new InitError(
    file,
    `expected a group of this machine, found none called ${quoted(group)}. Create it with "groupadd --system ${quoted(group)}"`,
  );
}

function explain(error: unknown, directory: string): string {
  const elsewhere = 'or name another file with --config or $XTOKEND_CONFIG';
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return `uid ${String(process.geteuid?.())} may not write to ${directory}. Run this as root, ${elsewhere}`;
    case 'EROFS':
      return `the file system of ${directory} is read-only. Mount it writable, ${elsewhere}`;
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full. Free some space and run this again';
    default:
      return messageOf(error);
  }
}

function share(file: string, gid: number): void {
  if (!lstatSync(file).isFile()) throw new InitError(file, 'expected a regular file');
  const exposure = findExposure(dirname(file));
  if (exposure !== undefined) throw new InitError(file, `${exposure.message}; fix: ${exposure.fix}`);
  shareFile(file, gid);
}

function newConfiguration(): string {
  return `# The configuration of xtokend. "xtokend check" finds problems in it.

# The application that mints tokens needs the same two secrets.
${newSecrets()}`;
}

function describe(file: string, isNew: boolean): string {
  const access = describeAccess(file);
  return isNew
    ? `Wrote ${file} with fresh secrets (${access}).`
    : `${file} already exists (${access}). Its secrets were not changed.`;
}

const READABLE_BY_GROUP = 0o040;
/** Not the uid of any user. */
const NO_USER = -1;
const PROSODY_GROUP = 'prosody';

/** Returns a warning if the group can't read the file, because of a directory above it. */
function warnOf(file: string, group: string | undefined, gid: number | undefined): string {
  if (group === undefined || gid === undefined) return '';
  const obstacle = obstacleTo(file, { name: group, uid: NO_USER, gids: [gid] }, 'read');
  if (obstacle?.kind !== 'directory') return '';
  return `But group ${group} can't read it: it may not pass through ${obstacle.path}. Run: chmod o+x ${quoted(obstacle.path)}\n`;
}

function nextSteps(config: string | undefined, file: string): string {
  const option = config === undefined || config === DEFAULT_FILE ? '' : ` --config ${quoted(config)}`;
  return `
Next:
  1. Give the application the same otp_seed and token_secret, and mint tokens with them.
  2. Connect your chat server: see ${join(packageDirectory(), 'README.md')}.
${withProsody(option, file)}  3. Find problems:             xtokend check${option}
  4. Mint a token to log in:    xtokend mint${option} alice@example.com
`;
}

/** Explains how Prosody starts xtokend, so that no service is needed. */
function withProsody(option: string, file: string): string {
  const program = programPath(process.env);
  const command = file === DEFAULT_FILE ? `"${program}"` : `{ "${program}", "--config", "${file}" }`;
  const { gid, mode } = statSync(file);
  const isShared = (mode & READABLE_BY_GROUP) !== 0 && nameOfGroup(gid) === PROSODY_GROUP;
  const share = `     Let Prosody's user read it:  xtokend init${option} --group ${PROSODY_GROUP}\n`;
  return `     If you don't run systemd, Prosody can start xtokend. Below its VirtualHost:
         authentication = "xtoken"
         xtoken_command = ${command}
${isShared ? '' : share}`;
}
