import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { quoted } from '../../../quoted.js';
import { nameOfGroup, nameOfUser } from '../../../system/accounts.js';
import { exposureOf } from '../../../system/exposure.js';
import { resolvePath } from '../../../system/trusted-path.js';
import { findings, type Finding } from '../finding.js';
import { statOf } from '../machine/access.js';
import { findAccount } from '../machine/accounts.js';
import { permitReading, useCredentials } from '../service/obstacles.js';
import type { Situation } from '../situation.js';
import { trustedWith } from './trusted-users.js';

const { warning, problem } = findings('secrets');

const READ_BY_OTHERS = 0o004;

/** Checks who else can read the secrets, or replace them or the lists of users. */
export function checkSecretFiles(situation: Situation): Finding[] {
  // systemd reads other kinds of files in other ways (systemd.exec(5), LoadCredential=).
  const copied = (situation.service?.credentials ?? [])
    .map(({ path }) => path)
    .filter((path) => statOf(path)?.isFile());
  const secretFiles = new Set([...situation.secretFiles, ...copied]);
  // Another check reports a file that is missing.
  const files = [...new Set([...situation.files, ...copied])].filter((path) => statOf(path) !== undefined);
  const exposures = [
    ...files.flatMap((path) => resolvePath(path, { users: trustedWith(path) }).exposure ?? []),
    ...missingStores(situation).flatMap(
      (path) => resolvePath(path, { users: trustedWith(dirname(path)) }).exposure ?? [],
    ),
  ];
  const directories = new Map(exposures.map((exposure) => [exposure.path, exposure]));
  return [
    ...files.flatMap((path) => checkFile(path, secretFiles.has(path), situation)),
    ...[...directories.values()].map(({ message, fix }) =>
      problem('directory-writable', `${message}, and so can replace secrets or lists of users there`, fix),
    ),
  ];
}

/** Whoever can create a missing file of app passwords can let anybody log in. */
function missingStores({ configuration }: Situation): string[] {
  return (configuration?.appPasswordFiles ?? []).filter((path) => statOf(path) === undefined);
}

function checkFile(path: string, isSecret: boolean, situation: Situation): Finding[] {
  const stats = statOf(path);
  if (stats === undefined) return [];
  const found = [...checkMode(path, stats), ...checkOwner(path, stats)];
  if (!isSecret || (stats.mode & READ_BY_OTHERS) === 0) return found;
  const message = `every user of this machine can read the secrets in ${path}`;
  return [warning('file-world-readable', message, howToClose(path, stats, situation)), ...found];
}

function checkMode(path: string, stats: Stats): Finding[] {
  const exposure = exposureOf(path, stats, new Set([...trustedWith(path), stats.uid]));
  if (exposure === undefined) return [];
  const message = `${exposure.message}, and so can let anybody log in`;
  return [problem('file-writable', message, `${exposure.fix}; then check the content of the file`)];
}

/** Root accepts the files of any user, because any user may run the daemon. */
function checkOwner(path: string, { uid }: Stats): Finding[] {
  const own = process.getuid?.();
  const isExpected = own === 0 ? nameOfUser(uid) !== undefined : uid === 0 || uid === own;
  if (isExpected) return [];
  const owner = nameOfUser(uid) ?? `uid ${uid}, which no user of this machine has,`;
  const fix = `chown root ${quoted(path)}, as root`;
  return [problem('file-owner', `${owner} owns ${path}, and can change it`, fix)];
}

/** Explains how to keep other users from a file that the user who runs xtokend must still be able to read. */
function howToClose(path: string, { uid }: Stats, situation: Situation): string {
  const { service } = situation;
  if (service !== undefined) return permitReading(path, service) ?? useCredentials();
  const file = quoted(path);
  if (uid !== 0)
    return `chmod o-rwx ${file}; if xtokend does not run as user ${nameOfUser(uid) ?? uid}, give the file to a group of its user first`;
  const group = groupOfProsody(situation);
  const command = `chown root:${group ?? 'GROUP'} ${file} && chmod 640 ${file}`;
  return group === undefined ? `${command}; GROUP is a group of the user that runs xtokend` : command;
}

/** Returns Prosody's group, if Prosody starts xtokend. */
function groupOfProsody({ prosody: { configuration } }: Situation): string | undefined {
  const isStarted = configuration?.hosts.some(
    ({ setting }) => (setting('external_auth_command') ?? setting('xtoken_command')) !== undefined,
  );
  const gid = isStarted === true ? findAccount(configuration?.user ?? '')?.gids[0] : undefined;
  return gid === undefined ? undefined : nameOfGroup(gid);
}
