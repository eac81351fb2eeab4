import { dirname } from 'node:path';
import { quoted } from '../../../../quoted.js';
import { storeTypeOf } from '../../../../replay/registry.js';
import { nameOfGroup, nameOfUser } from '../../../../system/accounts.js';
import { findings, type Finding } from '../../finding.js';
import { describeObstacle, obstacleTo, statOf, type Obstacle } from '../../machine/access.js';
import type { Account } from '../../machine/accounts.js';
import type { Situation } from '../../situation.js';

const { problem } = findings('prosody');

/**
 * Checks whether Prosody's user can use the directories of the xtokend that Prosody starts: the state directory with the socket, and
 * that of the replay cache, which `replay.path` can move.
 */
export function checkStateDirectory(
  directory: string,
  account: Account,
  { configuration }: Pick<Situation, 'configuration'>,
): Finding[] {
  const replay = configuration?.replay;
  const path = replay && storeTypeOf(replay).pathOf?.(replay);
  const isSame = path?.directory === directory;
  const data = isSame ? path.data : directory;
  const state = findFault(directory, data, account, dirname(directory));
  const found = state === undefined ? [] : [unusable(state.message, state.fix)];
  if (path === undefined || isSame) return found;
  // xtokend also creates the directories above replay.path.
  const cache = findFault(path.directory, path.data, account, existingAbove(path.directory));
  const fix = `leave replay.path out: the replay cache is then in ${directory}`;
  return cache === undefined ? found : [...found, unusable(cache.message, fix)];
}

function unusable(message: string, fix: string): Finding {
  return problem('prosody-state-unusable', `Prosody starts xtokend, but ${message}`, fix);
}

/** Returns the command that gives a directory, with all that is in it, to Prosody's user. */
export function ownedBy(directory: string, user: string, gid: number | undefined): string {
  const owner = gid === undefined ? user : `${user}:${nameOfGroup(gid)}`;
  return `chown -hR ${owner} ${quoted(directory)} && chmod 700 ${quoted(directory)}`;
}

/**
 * @param data what a daemon keeps in the directory
 * @param parent where the daemon creates the directory if it is missing
 */
function findFault(
  directory: string,
  data: string,
  account: Account,
  parent: string,
): { readonly message: string; readonly fix: string } | undefined {
  const { name, uid, gids } = account;
  const place = statOf(directory) === undefined ? parent : directory;
  const obstacle = obstacleTo(place, account, 'write') ?? obstacleTo(place, account, 'execute');
  if (obstacle !== undefined) {
    // A user who may not look into the directory can't tell.
    if (obstacle.kind === 'unknown') return undefined;
    return {
      message: describeObstacle(obstacle, account, 'write to'),
      fix: fixOf(obstacle, directory, account),
    };
  }
  const owner = statOf(data)?.uid ?? uid;
  if (owner === uid) return undefined;
  const message = `${data} belongs to user ${nameOfUser(owner) ?? owner}, and not to user ${name}`;
  return { message, fix: ownedBy(directory, name, gids[0]) };
}

function existingAbove(directory: string): string {
  const parent = dirname(directory);
  return parent === directory || statOf(parent) !== undefined ? parent : existingAbove(parent);
}

function fixOf({ kind, path }: Obstacle, directory: string, { name, gids }: Account): string {
  const [gid = 0] = gids;
  if (kind === 'missing') return `install -d -o ${name} -g ${nameOfGroup(gid)} -m 750 ${quoted(path)}`;
  if (kind === 'directory') return `chmod o+x ${quoted(path)}`;
  return path === directory
    ? ownedBy(directory, name, gid)
    : `install -d -o ${name} -g ${nameOfGroup(gid)} -m 700 ${quoted(directory)}`;
}
