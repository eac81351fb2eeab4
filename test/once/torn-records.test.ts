import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { timeStepAt, TIME_STEP_MILLISECONDS } from '../../src/credential/otp.js';
import { RECORD_BYTES } from '../../src/replay/journal/time-step-journal.js';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { mintMany } from '../support/many-tokens.js';
import { hasProgram, requirePackage } from '../support/run/requirements.js';
import { startXtokend } from '../support/xtokend.js';

interface Process {
  readonly pid: number;
  readonly ask: (token: string) => Promise<string>;
}

function start(config: string): Process {
  const child = startXtokend([], { XTOKEND_CONFIG: config });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  child.stderr.resume();
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ask = async (token: string): Promise<string> => {
    child.stdin.write(`auth:a:b:${token}\n`);
    return String((await answers.next()).value);
  };
  return { pid: Number(child.pid), ask };
}

/** Limits the size of the files that a process writes, as a full disk does. */
function limitFiles(pid: number, bytes: number | 'unlimited'): void {
  const { status } = spawnSync('prlimit', [`--pid=${pid}`, `--fsize=${bytes}:unlimited`], {
    stdio: 'inherit',
  });
  expect(status).toBe(0);
}

it('a record that a process wrote in part, of any length, loses no accepted token', async (context) => {
  requirePackage(context, hasProgram('prlimit'), 'util-linux');
  const state = temporaryDirectory();
  const config = temporaryFile(`${SECRETS}[replay]\npath = "${state}"\n`);
  // All of one time step, and so in one journal.
  const journal = join(state, 'replay-cache', `journal-${timeStepAt(Date.now() + TIME_STEP_MILLISECONDS)}`);
  const tokens = mintMany(1 + 3 * RECORD_BYTES);
  const [limited, other] = [start(config), start(config)];
  const accepted: string[] = [];
  const accept = async (process: Process, token = tokens.pop() ?? ''): Promise<void> => {
    expect(await process.ask(token)).toBe('1');
    accepted.push(token);
  };
  await accept(limited);
  for (let length = 0; length < RECORD_BYTES; length += 1) {
    const { size } = statSync(journal);
    const torn = tokens.pop() ?? '';
    limitFiles(limited.pid, size + length);
    for (let again = 0; again < 2; again += 1) expect(await limited.ask(torn)).toBe('0');
    expect(statSync(journal).size).toBe(size + length);
    limitFiles(limited.pid, 'unlimited');
    await accept(other);
    await accept(limited);
    // Without its last byte only, it is whole once the next one follows.
    if (length < RECORD_BYTES - 1) await accept(length % 2 === 0 ? limited : other, torn);
    else expect(await limited.ask(torn)).toBe('0');
  }
  expect(accepted.length).toBe(3 * RECORD_BYTES);
  for (const process of [limited, other, start(config)])
    for (const token of accepted) expect(await process.ask(token)).toBe('0');
});
