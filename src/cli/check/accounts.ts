import { entriesOf } from '../../accounts.js';

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  /** Its own group and all others that it is in. */
  readonly gids: readonly number[];
}

/** Finds a user by name in /etc/passwd (passwd(5), group(5)): what other directories hold is not seen. */
export function findAccount(name: string): Account | undefined {
  const entry = entriesOf('/etc/passwd').find(([user]) => user === name);
  if (entry === undefined) return undefined;
  const isMember = ([, , , members = '']: readonly string[]): boolean => members.split(',').includes(name);
  const groups = entriesOf('/etc/group').filter(isMember);
  return { name, uid: Number(entry[2]), gids: [Number(entry[3]), ...groups.map(([, , gid]) => Number(gid))] };
}
