import type { Obstacle } from './access.js';
import { nameOfGroup, nameOfUser } from '../../system/accounts.js';
import type { Account } from './accounts.js';

/** Says in words what keeps a user from a file. @param verb what the user wants to do with it */
export function describeObstacle(obstacle: Obstacle, { name }: Account, verb: string): string {
  const { path } = obstacle;
  if (obstacle.kind === 'missing') return `there is no ${path}`;
  if (obstacle.kind === 'unknown') return `this user may not look at ${path}`;
  const { uid, gid, mode } = obstacle.stats;
  const owner = `${nameOfUser(uid) ?? uid}:${nameOfGroup(gid)}`;
  const found = `${owner}, mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`;
  const what = obstacle.kind === 'directory' ? 'pass through' : verb;
  return `user ${name} may not ${what} ${path} (${found})`;
}
