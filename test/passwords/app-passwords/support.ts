import { join } from 'node:path';
import { addAppPassword, readAppPasswords } from '../../../src/passwords/app-passwords/manage.js';
import type { PasswordBackend } from '../../../src/passwords/backend.js';
import { temporaryDirectory } from '../../support/directory.js';

export const JID = 'alice@example.com';

/** Returns the path of a file of app passwords that does not exist. */
export function newFile(): string {
  return join(temporaryDirectory(), 'app-passwords');
}

/** Adds an app password, and returns it. */
export async function add(file: string, jid: string, label: string, password?: string): Promise<string> {
  return (await addAppPassword({ file, jid, label, password })).password;
}

/** Checks a password of a user of example.com. */
export function verify(
  backend: PasswordBackend,
  user: string,
  password: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<string> {
  return backend.verify({ user, host: 'example.com', password }, signal);
}

/** Returns whether a user of example.com exists. */
export function isUser(backend: PasswordBackend, user: string): Promise<boolean> {
  return backend.isUser({ user, host: 'example.com' }, new AbortController().signal);
}

/** Returns the labels of all app passwords in a file. */
export async function labelsIn(file: string): Promise<string[]> {
  return (await readAppPasswords(file)).map(({ label }) => label);
}
