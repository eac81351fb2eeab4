import { spawnSync } from 'node:child_process';

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  /** The user's own group and all other groups of the user. */
  readonly gids: readonly number[];
}

/** Finds a user by name with id(1), in /etc/passwd or any other directory that this machine uses (nsswitch.conf(5)). */
export function findAccount(name: string): Account | undefined {
  const [uid] = numbersOf('-u', name);
  return uid === undefined ? undefined : { name, uid, gids: numbersOf('-G', name) };
}

/** Returns nothing if there is no such user. */
function numbersOf(option: '-u' | '-G', name: string): number[] {
  const { status, stdout } = spawnSync('id', [option, '--', name], { encoding: 'utf8' });
  return status === 0 ? stdout.trim().split(' ').map(Number) : [];
}
