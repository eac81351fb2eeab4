import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { expect, it, onTestFinished } from 'vitest';
import { mintToken } from '../../../src/index.js';
import { temporaryDirectory } from '../../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../../support/keys.js';
import { startXtokend } from '../../support/xtokend.js';

const RELOADS = 20;
const CONNECTIONS = 4;
const KNOWN = `${SECRETS}[hosts."example.com"]\n`;
const WIDER = `${KNOWN}[hosts."elsewhere.example"]\n`;

interface Daemon {
  readonly child: ChildProcessWithoutNullStreams;
  readonly socket: string;
  readonly config: string;
  readonly log: () => string;
}

async function start(text: string, more: readonly string[] = []): Promise<Daemon> {
  const directory = temporaryDirectory();
  const [config, socket] = [join(directory, 'xtokend.toml'), join(directory, 'socket')];
  replace(config, text);
  const child = startXtokend(['--config', config, '--listen', `unix:${socket}`, ...more]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString()));
  await expect.poll(() => log).toContain('info listening');
  return { child, socket, config, log: () => log };
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Sends requests that are accepted and refused alternately, until it is over. */
async function load(
  socket: Socket,
  user: string,
  isOver: () => boolean,
): Promise<{ asked: number; wrong: string[] }> {
  const answers = createInterface(socket)[Symbol.asyncIterator]();
  const wrong: string[] = [];
  let asked = 0;
  for (; !isOver(); asked += 1) {
    const token = mintToken({ jid: `${user}@example.com`, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
    const isGood = asked % 2 === 0;
    socket.write(`auth:${isGood ? user : 'mallory'}:example.com:${token}\n`);
    const { value, done } = (await answers.next()) as { value?: string; done: boolean };
    if (done || value !== (isGood ? '1' : '0')) wrong.push(`${asked}: ${String(value)}`);
    if (done) break;
  }
  return { asked, wrong };
}

it(`loses no answer and no connection over ${RELOADS} reloads under load, valid and invalid ones`, async () => {
  const { child, socket, config, log } = await start(KNOWN);
  const sockets = Array.from({ length: CONNECTIONS }, () => connect(socket));
  let isOver = false;
  const loads = sockets.map((connection, index) => load(connection, `user${index}`, () => isOver));
  for (let reload = 0; reload < RELOADS; reload += 1) {
    const isFailing = reload % 4 === 3;
    replace(config, isFailing ? 'no configuration' : reload % 2 === 0 ? WIDER : KNOWN);
    child.kill('SIGHUP');
    const message = isFailing ? 'error configuration reload failed' : 'info configuration reloaded';
    const times = Math.floor(isFailing ? (reload + 1) / 4 : reload + 1 - Math.floor((reload + 1) / 4));
    await expect.poll(() => log().split(message).length - 1).toBe(times);
  }
  isOver = true;
  const results = await Promise.all(loads);
  for (const { asked, wrong } of results) {
    expect(asked).toBeGreaterThan(RELOADS);
    expect(wrong).toEqual([]);
  }
  for (const connection of sockets) connection.destroy();
});

it('answers by the new configuration on existing connections', async () => {
  const { child, socket, config, log } = await start(KNOWN);
  const connection = connect(socket);
  onTestFinished(() => {
    connection.destroy();
  });
  const ask = async (): Promise<string> => {
    connection.write('isuser:alice:elsewhere.example\n');
    return String((await once(connection, 'data'))[0]);
  };
  expect(await ask()).toBe('0\n');
  replace(config, WIDER);
  // On sockets no change is applied without SIGHUP: half of a change could be valid, too.
  await sleep(1500);
  expect(await ask()).toBe('0\n');
  child.kill('SIGHUP');
  await expect.poll(() => log()).toContain('info configuration reloaded');
  expect(await ask()).toBe('1\n');
});

it('keeps the previous configuration if a list is missing at a reload', async () => {
  const { child, socket, config, log } = await start(KNOWN);
  replace(config, `users = "file:missing"\n${KNOWN}`);
  child.kill('SIGHUP');
  await expect
    .poll(() => log())
    .toContain('configuration reload failed, keeping the previous one: the list of users');
  const connection = connect(socket);
  connection.write('isuser:alice:example.com\n');
  expect(String((await once(connection, 'data'))[0])).toBe('1\n');
  connection.destroy();
});

it('writes a summary at SIGUSR1', async () => {
  const { child, socket, log } = await start(KNOWN);
  const connection = connect(socket);
  connection.write('isuser:a:example.com\nisuser:a:elsewhere.example\nnonsense\n');
  await expect.poll(() => log()).toContain('malformed-request');
  child.kill('SIGUSR1');
  await expect
    .poll(() => log())
    .toMatch(/info summary configuration="[^"]+" .*accepted=1 refused=2 unanswered=0 reloads=0/);
  connection.destroy();
});
