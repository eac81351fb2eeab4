import { spawnSync } from 'node:child_process';

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  /** The primary group, then the supplementary groups. */
  readonly gids: readonly number[];
}

/** Finds a user by name with id(1), in /etc/passwd or another user database (nsswitch.conf(5)). */
export function findAccount(name: string): Account | undefined {
  const [uid] = numbersOf('-u', name);
  return uid === undefined ? undefined : { name, uid, gids: numbersOf('-G', name) };
}

/** Returns an empty list if there is no such user. */
function numbersOf(option: '-u' | '-G', name: string): number[] {
  const { status, stdout } = spawnSync('id', [option, '--', name], { encoding: 'utf8' });
  return status === 0 ? stdout.trim().split(' ').map(Number) : [];
}
