import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** @returns the lines of a file such as /etc/passwd or /etc/group (passwd(5), group(5)), each as its fields */
export function entriesOf(file: string): readonly (readonly string[])[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}

/** @returns the name of a user, or `undefined` if none has that number */
export function nameOfUser(uid: number): string | undefined {
  return entriesOf('/etc/passwd').find(([, , number]) => Number(number) === uid)?.[0];
}

/** @returns the name of a group, or its number if it has none */
export function nameOfGroup(gid: number): string {
  return entriesOf('/etc/group').find(([, , number]) => Number(number) === gid)?.[0] ?? String(gid);
}

/**
 * Finds the number of a group, also of one in another directory than /etc/group.
 *
 * @returns `undefined` if there is no such group
 */
export function findGroup(name: string): number | undefined {
  try {
    const entry = execFileSync('getent', ['group', '--', name], { encoding: 'utf8', stdio: 'pipe' });
    return Number(entry.split(':')[2]);
  } catch {
    return undefined;
  }
}

/** A member of a group. */
export interface Member {
  readonly name: string;
  /** `undefined` if /etc/passwd has no such user. */
  readonly uid: number | undefined;
}

/**
 * Lists the members of a group by /etc/passwd and /etc/group. Other directories, such as LDAP, aren't read.
 *
 * @returns none if the group isn't known, or nobody is listed in it
 */
export function membersOfGroup(gid: number): Member[] {
  const users = entriesOf('/etc/passwd').map(([name = '', , uid, group]) => ({
    name,
    uid: Number(uid),
    gid: Number(group),
  }));
  const [, , , listed = ''] = entriesOf('/etc/group').find(([, , number]) => Number(number) === gid) ?? [];
  const names = [...users.filter((user) => user.gid === gid).map(({ name }) => name), ...listed.split(',')];
  return [...new Set(names)]
    .filter((name) => name !== '')
    .map((name) => ({ name, uid: users.find((user) => user.name === name)?.uid }));
}
