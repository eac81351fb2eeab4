import { readTextFile } from '../../../system/read-file.js';
import { messageOf } from '../../../errors.js';
import { MAX_LIST_BYTES, UserList } from '../../../users/user-list.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';

const { ok, note, warning, problem } = findings('users');

/** Reads the lists of users, as the daemon does. */
export async function checkUsers({ configuration }: Situation): Promise<Finding[]> {
  const settings = configuration?.hosts.all.map(({ users }) => users) ?? [];
  const listed = new Set(settings.flatMap(({ users }) => (typeof users === 'string' ? [] : [users.path])));
  const blocked = settings.flatMap(({ blockedPath }) => blockedPath ?? []);
  const lists = [...new Set([...listed, ...blocked])].map((path) => checkList(path, listed.has(path)));
  return [
    ...(settings.some(({ users }) => users === 'any') ? [any] : []),
    ...(settings.some(({ users }) => users === 'passwords') ? [withPassword] : []),
    ...(await Promise.all(lists)),
  ];
}

/** @param needsNames whether an empty list is a fault; a list of blocked users can be empty */
async function checkList(path: string, needsNames: boolean): Promise<Finding> {
  try {
    await UserList.open(path, { onWarning: () => undefined });
  } catch (error) {
    const fix = 'xtokend does not start without it: correct the path, the file or its permissions';
    return problem('list-unreadable', messageOf(error), fix);
  }
  const count = namesIn(path);
  if (count === 0 && needsNames)
    return warning('list-empty', `${path} is empty, so nobody is a user`, 'list one name per line');
  return ok('list-ok', `${path} lists ${count === 1 ? '1 user' : `${count} users`}`);
}

function namesIn(path: string): number {
  const lines = readTextFile(path, MAX_LIST_BYTES).split('\n');
  return lines.filter((line) => line.replace(/(?:^|\s)#.*/, '').trim() !== '').length;
}

const any = note(
  'users-any',
  'every well-formed name counts as a user, so a chat server also stores spam for made-up names',
  'to avoid that, set users = "seen" or users = "file:PATH"',
);

const withPassword = note(
  'users-passwords',
  'users = "passwords": only those whom a back end of [passwords] knows are users, so nobody can write to a user who only has tokens',
  'if there are such users, set users = "seen" or users = "file:PATH"',
);
