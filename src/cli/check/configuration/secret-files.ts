import { statSync, type Stats } from 'node:fs';
import { exposureOf, type Exposure } from '../../../system/exposure.js';
import { resolvePath } from '../../../system/trusted-path.js';
import { nameOfUser } from '../../../system/accounts.js';
import type { Finding } from '../finding.js';
import { holdsSecret } from './holds-secret.js';
import { howToClose } from './close-file.js';
import { quoted } from '../../../quoted.js';
import type { Situation } from '../situation.js';
import { trustedWith } from './trusted-users.js';

const READ_BY_OTHERS = 0o004;

/** Looks at who can get at the secrets, or put others, or other lists of users, in their place. */
export function checkSecretFiles(situation: Situation): Finding[] {
  const { configuration, file, service } = situation;
  // Other kinds of files systemd reads in other ways (systemd.exec(5), LoadCredential=).
  const copied = (service?.credentials ?? [])
    .map(({ path }) => path)
    .filter((path) => statOf(path)?.isFile());
  const secretFiles = [...(configuration?.secretFiles ?? (holdsSecret(file) ? [file] : [])), ...copied];
  const named = new Set([...(configuration?.files ?? [file]), ...copied]);
  const files = [...named].filter((path) => statOf(path) !== undefined);
  const exposures = files.flatMap((path) => resolvePath(path, { users: trustedWith(path) }).exposure ?? []);
  const places = new Map(exposures.map((exposure) => [exposure.path, exposure]));
  return [
    ...files.flatMap((path) => checkFile(path, secretFiles.includes(path), situation)),
    ...[...places.values()].map(explainPlace),
  ];
}

function checkFile(path: string, isSecret: boolean, situation: Situation): Finding[] {
  const stats = statSync(path);
  const findings: Finding[] = [];
  if (isSecret && (stats.mode & READ_BY_OTHERS) !== 0) {
    const message = `every user of this machine can get at the secrets in ${path}`;
    findings.push(warning('file-world-readable', message, howToClose(path, situation)));
  }
  return [...findings, ...checkMode(path, stats), ...checkOwner(path, stats)];
}

function checkMode(path: string, stats: Stats): Finding[] {
  const exposure = exposureOf(path, stats, new Set([...trustedWith(path), stats.uid]));
  if (exposure === undefined) return [];
  const message = `${exposure.message}, and so let anybody in`;
  return [problem('file-writable', message, `${exposure.fix}; then look at what is in it`)];
}

/** Root looks after files of whatever user runs the daemon. */
function checkOwner(path: string, { uid }: Stats): Finding[] {
  const own = process.getuid?.();
  const isExpected = own === 0 ? nameOfUser(uid) !== undefined : uid === 0 || uid === own;
  if (isExpected) return [];
  const owner = nameOfUser(uid) ?? `uid ${uid}, which no user of this machine has,`;
  return [
    problem('file-owner', `${owner} owns ${path}, and can change it`, `chown root ${quoted(path)}, as root`),
  ];
}

function explainPlace({ message, fix }: Exposure): Finding {
  return problem(
    'directory-writable',
    `${message}, and so can put other secrets or lists there, and let anybody in`,
    fix,
  );
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    // Why it cannot be looked at is said where it is read.
    return undefined;
  }
}

function warning(code: Finding['code'], message: string, fix: string): Finding {
  return { level: 'warning', code, subject: 'secrets', message, fix };
}

function problem(code: Finding['code'], message: string, fix: string): Finding {
  return { ...warning(code, message, fix), level: 'problem' };
}
