import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startPasswordDaemon, type PasswordParts } from '../support/passwords/password-daemon.js';
import { descendantsOf, survivorsOf } from '../support/system/processes.js';

/** In which the children must end. */
const END_MILLISECONDS = 15_000;

/** Waits for a second before each answer, in a child of its own. */
const SLOW = '#!/bin/sh\nwhile read -r line; do\n  sleep 1\n  echo 0\ndone\n';

const slow = ({ directory }: PasswordParts): string => {
  const path = join(directory, 'slow');
  writeFileSync(path, SLOW, { mode: 0o755 });
  return `command = ["${path}"]`;
};
const hung = ({ scripts }: PasswordParts): string => scripts.hung;
const idle = ({ scripts }: PasswordParts): string => scripts.check('users', []);

/** Returns the arguments of all descendants of a process. */
function commandsOf(pid: number): string {
  return descendantsOf(pid)
    .map((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8'))
    .join('\n');
}

interface Checking {
  /** Ends the daemon with a signal. */
  readonly end: (signal: NodeJS.Signals) => Promise<void>;
  readonly children: readonly number[];
}

/** Starts a daemon that has checked, or is checking, a password with a script. */
async function startChecking(settings: (parts: PasswordParts) => string): Promise<Checking> {
  const { daemon, connect } = await startPasswordDaemon(
    (parts) => `[passwords]\ntimeout = 20\n${settings(parts)}`,
    'answer_within = 30',
  );
  const login = (await connect()).logIn({ user: 'alice', password: 'some-password' });
  if (settings === idle) await login;
  // Both scripts run sleep while they check.
  else await expect.poll(() => commandsOf(daemon.pid)).toContain('sleep');
  const children = descendantsOf(daemon.pid);
  onTestFinished(async () => {
    for (const pid of await survivorsOf(children, 0)) process.kill(pid, 'SIGKILL');
  });
  return { end: (signal) => daemon.end(signal), children };
}

describe('of a script that checks passwords, no process outlives xtokend', { timeout: 60_000 }, () => {
  it.each([
    ['SIGKILL', 'idle', idle],
    ['SIGKILL', 'slow', slow],
    ['SIGTERM', 'idle', idle],
    ['SIGTERM', 'slow', slow],
    ['SIGTERM', 'hung', hung],
  ] as const)('after %s while it is %s', async (signal, _, settings) => {
    const { end, children } = await startChecking(settings);
    expect(children).not.toEqual([]);
    await end(signal);
    expect(await survivorsOf(children, END_MILLISECONDS)).toEqual([]);
  });
});
