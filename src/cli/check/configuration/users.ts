import { readTextFile } from '../../../config/read-file.js';
import { messageOf } from '../../../errors.js';
import { MAX_LIST_BYTES, UserList } from '../../../users/user-list.js';
import type { Finding } from '../finding.js';
import type { Situation } from '../situation.js';

/** Reads the lists of users, as the daemon does. */
export async function checkUsers({ configuration }: Situation): Promise<Finding[]> {
  const settings = configuration?.hosts.all.map(({ users }) => users) ?? [];
  const listed = new Set(settings.flatMap(({ users }) => (typeof users === 'string' ? [] : [users.path])));
  const blocked = new Set(settings.flatMap(({ blockedPath }) => blockedPath ?? []));
  const findings: Finding[] = settings.some(({ users }) => users === 'any') ? [anybody] : [];
  for (const path of new Set([...listed, ...blocked])) {
    // Nobody is blocked on most days.
    findings.push(...(await checkList(path, listed.has(path))));
  }
  return findings;
}

async function checkList(path: string, needsNames: boolean): Promise<Finding[]> {
  try {
    await UserList.open(path, { onWarning: () => undefined });
  } catch (error) {
    const fix = 'xtokend does not start without it: correct the path, the file or its permissions';
    return [{ level: 'problem', code: 'list-unreadable', subject: 'users', message: messageOf(error), fix }];
  }
  const count = namesIn(path);
  return [count === 0 && needsNames ? empty(path) : good(path, count)];
}

function namesIn(path: string): number {
  const lines = readTextFile(path, MAX_LIST_BYTES).split('\n');
  return lines.filter((line) => line.replace(/(?:^|\s)#.*/, '').trim() !== '').length;
}

function good(path: string, count: number): Finding {
  const message = `${path} names ${count === 1 ? '1 user' : `${count} users`}`;
  return { level: 'ok', code: 'list-ok', subject: 'users', message };
}

function empty(path: string): Finding {
  const message = `${path} names nobody, so nobody is a user`;
  return { level: 'warning', code: 'list-empty', subject: 'users', message, fix: 'one name a line' };
}

const anybody: Finding = {
  level: 'note',
  code: 'users-any',
  subject: 'users',
  message:
    'every well-formed name is a user, so a chat server also keeps spam for names that somebody made up',
  fix: 'users = "seen" or "file:…" says who is one, where that matters',
};
