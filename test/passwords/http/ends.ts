import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';
import { openHttpBackend, type HttpBackendOptions } from '../../../src/passwords/http/http-backend.js';
import type { PasswordBackend } from '../../../src/passwords/backend.js';
import type { HttpSettings } from '../../../src/passwords/settings.js';
import { temporaryDirectory } from '../../support/directory.js';
import { accepts, freePort } from '../../support/system/ports.js';
import { end } from '../../support/system/processes.js';

export const TOKEN = 'a-bearer-token-of-the-tests';
export const EXAMPLES: string = resolve('examples/passwords');

/** Opens a back end that is closed when the test ends. */
export function open(
  url: string,
  others: Partial<HttpSettings> = {},
  options?: HttpBackendOptions,
): PasswordBackend {
  const backend = openHttpBackend({ kind: 'http', url, token: TOKEN, ca: undefined, ...others }, options);
  onTestFinished(() => backend.close());
  return backend;
}

/** Aborts after a time that is long for everything that is expected to finish. */
export const patience = (milliseconds = 20_000): AbortSignal => AbortSignal.timeout(milliseconds);

/** Stores users in the format of http_end.py and check-script. Returns the path. */
export function pythonUsers(users: Readonly<Record<string, string>>, disabled = 'nobody'): string {
  const path = join(temporaryDirectory(), 'users.json');
  for (const [jid, password] of Object.entries(users)) {
    const args = [join(EXAMPLES, 'http_end.py'), '--add', path, jid];
    const { status, stderr } = spawnSync('python3', args, { input: `${password}\n`, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  }
  const disable =
    'import json, sys; path, jid = sys.argv[1:]; users = json.load(open(path)); jid in users and users[jid].update(disabled=True); json.dump(users, open(path, "w"))';
  spawnSync('python3', ['-c', disable, path, disabled]);
  return path;
}

/** Stores users in the format of http-end.php. Returns the path. */
export function phpUsers(users: Readonly<Record<string, string>>, disabled = 'nobody'): string {
  const path = join(temporaryDirectory(), 'users.json');
  const hash = (password: string): string =>
    spawnSync('php', ['-r', 'echo password_hash(rtrim(fgets(STDIN), "\\n"), PASSWORD_DEFAULT);'], {
      input: `${password}\n`,
      encoding: 'utf8',
    }).stdout;
  const entries = Object.entries(users).map(([jid, password]) => [
    jid,
    `${jid === disabled ? '!' : ''}${hash(password)}`,
  ]);
  writeFileSync(path, JSON.stringify(Object.fromEntries(entries)));
  return path;
}

/** Starts a program that listens on a port, and stops it when the test ends. */
export async function startEnd(
  command: (port: string) => readonly [string, ...string[]],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const port = await freePort();
  const [program, ...args] = command(String(port));
  const child: ChildProcess = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
  onTestFinished(() => end(child));
  const deadline = Date.now() + 20_000;
  while (!(await accepts({ host: '127.0.0.1', port }))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`expected that ${program} listens`);
    await new Promise((done) => setTimeout(done, 50));
  }
  return `http://127.0.0.1:${port}`;
}

/**
 * Checks a password in a process of its own, which has nothing else to do. Returns what that process prints before it exits by
 * itself: the result, or the message of an error.
 */
export async function runAlone(
  settings: Partial<HttpSettings>,
  env: NodeJS.ProcessEnv = {},
): Promise<{ output: string; status: number | null }> {
  const program = join(temporaryDirectory(), 'program.mjs');
  const contents = `import { openHttpBackend } from './src/passwords/http/http-backend.js';
    const backend = openHttpBackend({ kind: 'http', token: 'x'.repeat(16), ...JSON.parse(process.argv[2]) });
    const login = { user: 'alice', host: 'example.com', password: 'password' };
    console.log(await backend.verify(login, new AbortController().signal).catch((error) => error.message));`;
  const how = { bundle: true, platform: 'node', format: 'esm', outfile: program } as const;
  await build({ stdin: { contents, resolveDir: '.' }, ...how });
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => end(child));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { output, status };
}
