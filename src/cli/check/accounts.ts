import { readFileSync } from 'node:fs';

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

/** @returns the name of a user, or `undefined` where there is none of that number */
export function nameOfUser(uid: number): string | undefined {
  return entriesOf('/etc/passwd').find(([, , number]) => Number(number) === uid)?.[0];
}

/** @returns the name of a group, or its number where it has none */
export function nameOfGroup(gid: number): string {
  return entriesOf('/etc/group').find(([, , number]) => Number(number) === gid)?.[0] ?? String(gid);
}

function entriesOf(file: string): readonly (readonly string[])[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}
