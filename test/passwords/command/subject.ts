import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { PasswordBackend, PasswordResult } from '../../../src/passwords/backend.js';
import {
  openCommandBackend,
  type CommandBackendOptions,
} from '../../../src/passwords/command/command-backend.js';
import type { CommandSettings } from '../../../src/passwords/settings.js';

/** For what must happen; generous for slow machines. */
const LONG_MILLISECONDS = 50_000;

export const HOST = 'example.com';

/** The command of a script for sh. */
export const sh = (script: string): CommandSettings['command'] => ['/bin/sh', '-c', script];

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A program that does what passwords tell it. */
export const puppet = (...start: readonly string[]): CommandSettings['command'] => [
  '/bin/sh',
  pathOf('puppet.sh'),
  ...start,
];

/** A program that accepts one password of alice. */
export const checker = (
  protocol: CommandSettings['protocol'],
  password: string,
): CommandSettings['command'] => [
  process.execPath,
  pathOf('checker.mjs'),
  protocol,
  Buffer.from(password).toString('hex'),
];

/** A script that accepts the password `right`. */
export const LOOP = `while IFS= read -r line; do case $line in *:right) echo 1;; *) echo 0;; esac; done`;

/** Returns the step of a {@link puppet} that writes a text of single-byte characters. */
export function write(text: string): string {
  return [...Buffer.from(text, 'latin1')].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}

export const YES: string = write('1\n');
export const NO: string = write('0\n');

/** A back end, closed when the test ends. */
export class Subject {
  readonly backend: PasswordBackend;

  constructor(
    command: CommandSettings['command'],
    { protocol = 'generic', processes = 1 }: Partial<CommandSettings> = {},
    options: CommandBackendOptions = {},
  ) {
    const env = { PATH: process.env['PATH'] };
    this.backend = openCommandBackend({ kind: 'command', command, protocol, processes }, { env, ...options });
    onTestFinished(() => this.backend.close());
  }

  verify(
    password: string,
    signal: AbortSignal = AbortSignal.timeout(LONG_MILLISECONDS),
    origin?: string,
  ): Promise<PasswordResult> {
    return this.backend.verify({ user: 'alice', host: HOST, password }, signal, origin);
  }

  isUser(user: string): Promise<boolean> {
    return this.backend.isUser({ user, host: HOST }, AbortSignal.timeout(LONG_MILLISECONDS));
  }

  /** Returns the result, or the message of the error. */
  async try(password: string, signal?: AbortSignal, origin?: string): Promise<string> {
    return this.verify(password, signal, origin).catch((error: unknown) => String(error));
  }
}

/** A clock that never delays a restart. */
export function fastClock(): () => number {
  let now = 0;
  return () => (now += 60_000);
}

/** Returns whether a process exists; with a minus, whether any of its group does. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
