import { basename, dirname } from 'node:path';
import { quoted } from '../../../quoted.js';
import { documentPath } from '../../shared/package-directory.js';
import { findings, type Finding } from '../finding.js';
import { describeObstacle, obstacleTo, type Obstacle } from '../machine/access.js';
import type { Situation } from '../situation.js';
import type { Service } from './find-service.js';

const { problem } = findings('service');

/** Finds the files of the configuration that the service may not read by their modes, or those of the directories above them. */
export function findUnreadable(situation: Situation, service: Service): Finding[] {
  const copied = new Set(service.credentials.map(({ path }) => path));
  const found = situation.files
    .filter((path) => !copied.has(path))
    .flatMap((path) => {
      const obstacle = obstacleTo(path, service.account, 'read');
      if (obstacle === undefined || obstacle.kind === 'missing') return [];
      const message = describeObstacle(obstacle, service.account, 'read');
      return [problem('service-unreadable', message, fixOf(path, obstacle, situation, service))];
    });
  // Several files can have the same directory above them.
  return [...new Map(found.map((finding) => [finding.message, finding])).values()];
}

function fixOf(
  path: string,
  { kind, path: place }: Obstacle,
  { file, secretFiles }: Situation,
  service: Service,
): string {
  if (kind === 'directory') return `chmod o+x ${quoted(place)}`;
  if (!secretFiles.includes(path)) return `chmod o+r ${quoted(path)}`;
  const permission = permitReading(path, service);
  if (permission !== undefined) return permission;
  // The configuration finds a credential by a name without a directory.
  if (path === file || dirname(path) !== dirname(file)) return useCredentials();
  return `LoadCredential=${basename(path)}:${path} below [Service] by systemctl edit xtokend, then systemctl restart xtokend`;
}

/** The fix if the user of the service is another one at each start. */
export const useCredentials = (): string =>
  `this service has no fixed user to give files to (DynamicUser=): keep the secrets in files that only root can read, and name these in LoadCredential=, as in ${documentPath('systemd.md')}`;

/**
 * Explains how to let the service, but not every user, read a file with secrets.
 *
 * @returns `undefined` if no mode of the file does that
 */
export function permitReading(path: string, { account, group, credentials }: Service): string | undefined {
  const file = quoted(path);
  const isCopied = credentials.some((credential) => credential.path === path);
  if (isCopied || account.uid === 0) return `chown root ${file} && chmod 600 ${file}`;
  return group === undefined ? undefined : `chown root:${group} ${file} && chmod 640 ${file}`;
}
