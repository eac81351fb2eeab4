import { basename, dirname } from 'node:path';
import { obstacleTo, type Obstacle } from '../access.js';
import { describeObstacle } from '../describe-obstacle.js';
import { quoted } from '../../../quoted.js';
import { holdsSecret } from '../configuration/holds-secret.js';
import type { Situation } from '../situation.js';
import type { Service } from './find-service.js';
import { permitReading, useCredentials } from './permit-reading.js';

/** What keeps the service from reading a file, and what to do about it. */
export interface Hindrance {
  readonly message: string;
  readonly fix: string;
}

/** Finds the files of the configuration that the service may not read by their modes, or those of the directories on the way. */
export function findHindrances({ configuration, file }: Situation, service: Service): Hindrance[] {
  const secretFiles = configuration?.secretFiles ?? (holdsSecret(file) ? [file] : []);
  const files = (configuration?.files ?? [file]).filter(
    (path) => !service.credentials.some((credential) => credential.path === path),
  );
  const found = files.flatMap((path) => {
    const obstacle = obstacleTo(path, service.account, 'read');
    if (obstacle === undefined || obstacle.kind === 'missing') return [];
    const message = describeObstacle(obstacle, service.account, 'read');
    const isSecret = secretFiles.includes(path);
    return [{ message, fix: fixOf(path, obstacle, isSecret, file, service) }];
  });
  return [...new Map(found.map((hindrance) => [hindrance.message, hindrance])).values()];
}

function fixOf(
  path: string,
  { kind, path: place }: Obstacle,
  isSecret: boolean,
  configurationFile: string,
  service: Service,
): string {
  if (kind === 'directory') return `chmod o+x ${quoted(place)}`;
  if (!isSecret) return `chmod o+r ${quoted(path)}`;
  const permission = permitReading(path, service);
  if (permission !== undefined) return permission;
  // Credentials are found by a name without a directory.
  const isFound = path !== configurationFile && dirname(path) === dirname(configurationFile);
  if (!isFound) return useCredentials;
  return `LoadCredential=${basename(path)}:${path} below [Service] by systemctl edit xtokend, then systemctl restart xtokend`;
}
