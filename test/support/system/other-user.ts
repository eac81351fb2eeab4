import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';
import { temporaryDirectory } from '../directory.js';

/** The user and group ID of nobody, which have no rights. */
export const OTHER_USER = 65_534;

/** Skips a test that acts as another user, unless root runs it. */
export function requireRoot(context: TestContext): void {
  if (process.getuid?.() !== 0) context.skip('only root can act as another user');
}

/** Creates a directory that other users can search, but neither list nor write to. */
export function passableDirectory(): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o711);
  return directory;
}

/** Creates a directory with a mode and an owner inside one of root's. */
export function sharedDirectory(mode: number, uid = 0, gid = 0): string {
  const directory = join(passableDirectory(), 'shared');
  mkdirSync(directory);
  chownSync(directory, uid, gid);
  chmodSync(directory, mode);
  return directory;
}

const IDS = { uid: OTHER_USER, gid: OTHER_USER };

/** Runs a shell command as another user. @throws if it fails */
export function runAsOther(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync('sh', ['-euc', command, 'sh', ...args], {
    ...IDS,
    cwd: '/',
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`expected the other user to succeed, found: ${stderr}`);
}

/** Runs JavaScript in Node as another user until the test ends. Returns when it has printed something. */
export async function startAsOther(program: string, ...args: string[]): Promise<void> {
  const child = spawn(process.execPath, ['-e', program, ...args], {
    ...IDS,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await once(child.stdout, 'data');
}
