import { lstatSync, realpathSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { nameOfUser } from './accounts.js';
import type { Finding } from './finding.js';
import { quoted } from './quoted.js';
import type { Situation } from './situation.js';

const READ_BY_OTHERS = 0o004;
const WRITE_BY_OTHERS = 0o002;
const STICKY = 0o1000;

/** Looks at who can get at the secrets, or put others in their place. */
export function checkSecretFiles({ configuration, file }: Situation): Finding[] {
  const secretFiles = configuration?.secretFiles ?? [file];
  const files = [...new Set([file, ...secretFiles])].filter((path) => statOf(path) !== undefined);
  const folders = new Set(files.flatMap((path) => foldersOf(realpathSync(path))));
  return [
    ...files.flatMap((path) => checkFile(path, secretFiles.includes(path))),
    ...[...folders].flatMap(checkFolder),
  ];
}

function checkFile(path: string, isSecret: boolean): Finding[] {
  const stats = statSync(path);
  const findings: Finding[] = [];
  if (isSecret && (stats.mode & READ_BY_OTHERS) !== 0) {
    const message = `every user of this machine can get at the secrets in ${path}`;
    findings.push(warning('file-open', message, `chmod o-rwx ${quoted(path)}`));
  }
  if ((stats.mode & WRITE_BY_OTHERS) !== 0) {
    const message = `every user of this machine can change ${path}, and so let anybody in`;
    findings.push(
      warning('file-writable', message, `chmod o-rwx ${quoted(path)}, and then make new secrets`),
    );
  }
  return [...findings, ...checkOwner(path, stats)];
}

/** Root looks after files of whatever user runs the daemon. */
function checkOwner(path: string, { uid }: Stats): Finding[] {
  const own = process.getuid?.();
  const isExpected = own === 0 ? nameOfUser(uid) !== undefined : uid === 0 || uid === own;
  if (isExpected) return [];
  const owner = nameOfUser(uid) ?? `uid ${uid}, which no user of this machine has,`;
  return [
    warning('file-owner', `${owner} owns ${path}, and can change it`, `chown root ${quoted(path)}, as root`),
  ];
}

function checkFolder(path: string): Finding[] {
  const { mode } = lstatSync(path);
  // Where it is sticky, such as /tmp, nobody can put something in the place of somebody else's.
  if ((mode & WRITE_BY_OTHERS) === 0 || (mode & STICKY) !== 0) return [];
  const message = `every user of this machine can put other files into ${path}, in the place of those with the secrets`;
  return [warning('folder-writable', message, `chmod o-w ${quoted(path)}`)];
}

/** @returns the folders that a path leads through, the nearest first */
function foldersOf(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersOf(folder)];
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    // Why it cannot be looked at is said where it is read.
    return undefined;
  }
}

function warning(code: Finding['code'], message: string, cure: string): Finding {
  return { level: 'warning', code, subject: 'secrets', message, cure };
}
