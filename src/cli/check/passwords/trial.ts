import { randomBytes } from 'node:crypto';
import type { PasswordBackend } from '../../../passwords/backend.js';
import type { BackendRequest, Passwords } from '../../../passwords/passwords.js';
import { findings, type Finding } from '../finding.js';
import { observe } from './ask.js';
import type { ConfiguredBackend } from './backends.js';

const { warning } = findings('passwords');

/** The check must end, however long `timeout` is. */
const MAX_MILLISECONDS = 8000;
const NAME_BYTES = 6;
const PASSWORD_BYTES = 18;

/** A user and a password that nobody has. */
export interface MadeUpLogin {
  readonly user: string;
  readonly host: string;
  readonly password: string;
}

/** What a back end answered. */
export type Tried = Pick<BackendRequest, 'result' | 'cause' | 'milliseconds'>;

/** Makes up a user and a password that nobody has. */
export function makeUpLogin(host: string): MadeUpLogin {
  const user = `xtokend-check-${randomBytes(NAME_BYTES).toString('hex')}`;
  return { user, host, password: randomBytes(PASSWORD_BYTES).toString('base64url') };
}

/** Asks a back end, as a login does. */
export async function tryLogin(
  backend: PasswordBackend,
  login: MadeUpLogin,
  timeout: number,
): Promise<Tried> {
  return tryOnce(backend, timeout, (passwords) => passwords.verify(login, undefined));
}

/** Asks a back end whether a user exists: `accepted` if so. */
export async function tryUser(
  backend: PasswordBackend,
  { user, host }: MadeUpLogin,
  timeout: number,
): Promise<Tried> {
  return tryOnce(backend, timeout, (passwords) => passwords.isUser({ user, host }));
}

async function tryOnce(
  backend: PasswordBackend,
  timeout: number,
  request: (passwords: Passwords) => Promise<unknown>,
): Promise<Tried> {
  const { passwords, requests } = observe([backend], Math.min(timeout, MAX_MILLISECONDS));
  await request(passwords);
  return requests[0] ?? { result: 'unavailable', milliseconds: 0 };
}

/** Formats a duration for a message, such as `34 ms`. */
export function formatMilliseconds(milliseconds: number): string {
  return `${Math.max(1, Math.round(milliseconds))} ms`;
}

/** Reports a back end that needs more than half of the time, at least on a machine that is idle. */
export function checkDuration(
  name: string,
  { milliseconds }: Tried,
  { timeout }: Pick<ConfiguredBackend, 'timeout'>,
): Finding[] {
  if (milliseconds <= timeout / 2) return [];
  const message = `${name} needs ${formatMilliseconds(milliseconds)} to refuse a password, of the ${timeout / 1000} s in passwords.timeout: with several logins at once, some are refused as password-backend-unavailable`;
  return [warning('passwords-slow', message, 'make it faster, or raise passwords.timeout and answer_within')];
}

/** Reports that a back end, which decides who is a user, knows a made-up one. */
export function everybodyExists(name: string): Finding {
  const message = `${name} says that a made-up user exists, so users = "passwords" has the effect of users = "any"`;
  return warning('passwords-isuser-any', message, 'let it answer isuser for users who have an account only');
}
