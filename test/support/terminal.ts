import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { mintToken } from '../../src/index.js';
import { temporaryFile, temporaryDirectory } from './directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from './keys.js';
import { PROGRAM } from './xtokend.js';

/** A configuration that serves example.com and the host of LptyHarness.warmUp. */
export const CONFIGURATION: string = `${SECRETS}[hosts."example.com"]\n[hosts.up]\n`;

/** Requests whose right answers are 1 and 0. */
export const KNOWN = 'isuser:alice:example.com';
export const UNKNOWN = 'isuser:alice:elsewhere.example';

/** @returns an environment with a configuration of its own */
export function environment(): NodeJS.ProcessEnv {
  return { XTOKEND_CONFIG: temporaryFile(CONFIGURATION) };
}

/** Signs that a terminal is in step: each verdict is that of its own request. */
export async function expectInStep(harness: { ask: (request: string) => Promise<string> }): Promise<void> {
  for (const request of [KNOWN, UNKNOWN, UNKNOWN, KNOWN, login(), 'nonsense']) {
    const isGood = request === KNOWN || request.startsWith('auth:');
    expect(await harness.ask(request)).toBe(isGood ? 'accepted' : 'refused');
  }
}

function login(): string {
  const token = mintToken({ jid: 'alice@example.com', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
  return `auth:alice:example.com:${token}`;
}

/** A stand-in for logger(1) and what it has written. */
export interface FakeLogger {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** Waits until a text stands in the log. */
  readonly expectLogged: (text: string) => Promise<void>;
  /** @returns what stands in the log by now */
  readonly logged: () => string;
}

/** @returns a logger(1) that writes into a file: on a test machine nobody listens on /dev/log */
export function fakeLogger(): FakeLogger {
  const directory = temporaryDirectory();
  const [path, bin] = [join(directory, 'syslog'), join(directory, 'logger-bin')];
  const script = `#!/bin/sh\ncase "$*" in *--prio-prefix*) exec /bin/cat >>${path} ;; *) echo "$*" >>${path} ;; esac\n`;
  mkdirSync(bin);
  writeFileSync(path, '');
  writeFileSync(join(bin, 'logger'), script, { mode: 0o755 });
  const logged = (): string => readFileSync(path, 'utf8');
  return {
    directory,
    logged,
    env: { ...environment(), PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    expectLogged: (text) => expect.poll(logged).toContain(text),
  };
}

/** @returns the bytes of a text as the harness takes them */
export function hex(text: string): string {
  return Buffer.from(text).toString('hex');
}

/** @returns the path of an xtokend whose Node program is broken */
export function brokenInstallation(directory: string): string {
  mkdirSync(join(directory, 'dist'));
  cpSync(dirname(PROGRAM), join(directory, 'bin'), { recursive: true });
  writeFileSync(join(directory, 'dist/xtokend.cjs'), 'this is no program');
  return join(directory, 'bin/xtokend');
}
