import { spawnSync } from 'node:child_process';
import { entriesOf } from '../../system/accounts.js';

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  /** Its own group and all others that it is in. */
  readonly gids: readonly number[];
}

/** Finds a user by name in /etc/passwd (passwd(5), group(5)), or in any other directory that this machine asks (nsswitch.conf(5)). */
export function findAccount(name: string): Account | undefined {
  const entry = entriesOf('/etc/passwd').find(([user]) => user === name);
  if (entry === undefined) return askSystem(name);
  const isMember = ([, , , members = '']: readonly string[]): boolean => members.split(',').includes(name);
  const groups = entriesOf('/etc/group').filter(isMember);
  return { name, uid: Number(entry[2]), gids: [Number(entry[3]), ...groups.map(([, , gid]) => Number(gid))] };
}

function askSystem(name: string): Account | undefined {
  const [uid] = numbersOf('-u', name);
  return uid === undefined ? undefined : { name, uid, gids: numbersOf('-G', name) };
}

/** By id(1). @returns none if it doesn't know the user */
function numbersOf(option: '-u' | '-G', name: string): number[] {
  const { status, stdout } = spawnSync('id', [option, '--', name], { encoding: 'utf8' });
  return status === 0 ? stdout.trim().split(' ').map(Number) : [];
}
