import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A directory service that does not answer must not block the start for longer. */
const GETENT_MILLISECONDS = 5000;

/** Returns the fields of each line of a file such as /etc/passwd (passwd(5)) or /etc/group (group(5)). */
function entriesOf(file: string): readonly (readonly string[])[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}

/** Returns the name of a user, or `undefined` if no user has that uid. */
export function nameOfUser(uid: number): string | undefined {
  return entriesOf('/etc/passwd').find(([, , number]) => Number(number) === uid)?.[0];
}

/** Returns the gid of a user's primary group, or `undefined` if no user has that uid. */
export function primaryGroupOf(uid: number): number | undefined {
  const entry = entriesOf('/etc/passwd').find(([, , number]) => Number(number) === uid);
  return entry && Number(entry[3]);
}

/** Returns the name of the user of this process, or its uid if it has none. */
export function nameOfThisUser(): string {
  const uid = process.getuid?.() ?? 0;
  return nameOfUser(uid) ?? String(uid);
}

/** Describes who owns a file, such as `root:xtokend`. */
export function describeOwner({ uid, gid }: { readonly uid: number; readonly gid: number }): string {
  return `${nameOfUser(uid) ?? uid}:${nameOfGroup(gid)}`;
}

/** Returns the name of a group, or its gid if it has none. */
export function nameOfGroup(gid: number): string {
  return entriesOf('/etc/group').find(([, , number]) => Number(number) === gid)?.[0] ?? String(gid);
}

/**
 * Returns the gid of a group, also of one that is not in /etc/group, such as a group in LDAP.
 *
 * @returns `undefined` if there is no such group
 */
export function findGroup(name: string): number | undefined {
  const local = entriesOf('/etc/group').find(([group]) => group === name);
  if (local !== undefined) return Number(local[2]);
  try {
    const options = { encoding: 'utf8', stdio: 'pipe', timeout: GETENT_MILLISECONDS } as const;
    return Number(execFileSync('getent', ['group', '--', name], options).split(':')[2]);
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
 * Returns the members of a group in /etc/passwd and /etc/group. Does not read other sources, such as LDAP.
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
