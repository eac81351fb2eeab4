import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, type TestContext } from 'vitest';
import { mintToken } from '../../src/index.js';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { fakeLogProgram } from '../support/system/log-program.js';
import { LptyHarness } from './lpty-harness.js';
import { requirePackage } from '../support/run/requirements.js';
import { PROGRAM } from '../support/xtokend.js';

/** A configuration that serves example.com and the host of LptyHarness.warmUp. */
export const CONFIGURATION: string = `${SECRETS}[hosts."example.com"]\n[hosts.up]\n`;

/** Requests whose right answers are 1 and 0. */
export const KNOWN = 'isuser:alice:example.com';
export const UNKNOWN = 'isuser:alice:elsewhere.example';

/** Skips a test if Debian's lua5.2 and lua-lpty are not installed. */
export function requireLpty(context: TestContext): void {
  const isInstalled = spawnSync('lua5.2', ['-e', 'require "lpty"']).status === 0;
  requirePackage(context, isInstalled, 'lua5.2 and lua-lpty');
}

/** Returns an environment with a configuration file of its own. */
export function environment(): NodeJS.ProcessEnv {
  return { XTOKEND_CONFIG: temporaryFile(CONFIGURATION) };
}

/** Opens a terminal of lpty until the test ends. The first request starts the program on it. */
export function openTerminal(env: NodeJS.ProcessEnv = environment(), program: string = PROGRAM): LptyHarness {
  const harness = new LptyHarness(program, env);
  onTestFinished(() => {
    harness.end();
  });
  return harness;
}

/** Opens a terminal of lpty until the test ends, and starts the program on it. */
export async function startOnTerminal(env?: NodeJS.ProcessEnv, program?: string): Promise<LptyHarness> {
  const harness = openTerminal(env, program);
  await harness.warmUp();
  return harness;
}

/** Starts a program that refuses all requests. One that arrives before the terminal is drained is never answered. */
export async function startRefusing(harness: LptyHarness): Promise<void> {
  await harness.ask(KNOWN, 0.5);
  await expect.poll(() => harness.ask(KNOWN, 1)).toBe('refused');
}

/** Sends several requests, and expects for each the answer that belongs to it. */
export async function expectOwnAnswers(harness: LptyHarness): Promise<void> {
  for (const request of [KNOWN, UNKNOWN, UNKNOWN, KNOWN, login(), 'nonsense']) {
    const isAccepted = request === KNOWN || request.startsWith('auth:');
    expect(await harness.ask(request)).toBe(isAccepted ? 'accepted' : 'refused');
  }
}

function login(): string {
  const token = mintToken({ jid: 'alice@example.com', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
  return `auth:alice:example.com:${token}`;
}

/** A stand-in for logger(1), which writes to a file. */
export interface FakeLogger {
  readonly directory: string;
  /** An environment with a configuration file of its own, and the stand-in first in PATH. */
  readonly env: NodeJS.ProcessEnv;
  /** Waits until the log contains a text. */
  readonly expectLogged: (text: string) => Promise<void>;
  readonly logged: () => string;
}

/** Creates a stand-in for logger(1): on a test machine nothing listens on /dev/log. */
export function fakeLogger(): FakeLogger {
  const work = 'case "$*" in *--prio-prefix*) exec /bin/cat ;; *) echo "$*" ;; esac';
  const { env, log } = fakeLogProgram('logger', work);
  return {
    directory: temporaryDirectory(),
    logged: log,
    env: { ...environment(), ...env },
    expectLogged: (text) => expect.poll(log).toContain(text),
  };
}

/** Encodes a text for the harness's commands that send bytes. */
export function hex(text: string): string {
  return Buffer.from(text).toString('hex');
}

/** Returns the path of an installed xtokend whose bundle is not JavaScript. */
export function brokenInstallation(directory: string): string {
  mkdirSync(join(directory, 'dist'));
  cpSync(dirname(PROGRAM), join(directory, 'bin'), { recursive: true });
  writeFileSync(join(directory, 'dist/xtokend.cjs'), 'this is no program');
  return join(directory, 'bin/xtokend');
}
