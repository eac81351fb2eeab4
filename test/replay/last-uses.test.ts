import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createUseRecorder, type LastUses } from '../../src/passwords/app-passwords/last-uses.js';
import { FileLastUses } from '../../src/replay/journal/last-uses.js';
import { RedisLastUses } from '../../src/replay/redis/redis-cache.js';
import { temporaryDirectory } from '../support/directory.js';
import { requirePackage } from '../support/run/requirements.js';
import { hasRedis, redisSettings, RedisServer } from '../support/servers/redis.js';
import { mountTmpfs } from '../support/system/mounts.js';
import { OTHER_USER, requireRoot } from '../support/system/other-user.js';

const [ALICE, BOB] = ['a'.repeat(32), 'b'.repeat(32)];
const NOW = 1_795_996_876_717;

/** Two processes share a store; each is opened on its own. */
async function keeps(open: () => LastUses): Promise<void> {
  const [writer, reader] = [open(), open()];
  onTestFinished(async () => {
    await Promise.all([writer.close(), reader.close()]);
  });
  expect(await reader.read()).toEqual(new Map());
  await writer.record(ALICE, NOW);
  await reader.record(BOB, 5);
  await writer.record(BOB, NOW + 1);
  expect(await reader.read()).toEqual(
    new Map([
      [ALICE, NOW],
      [BOB, NOW + 1],
    ]),
  );
}

describe('the last uses of app passwords', () => {
  it('are kept in a directory, for all processes', async () => {
    const root = join(temporaryDirectory(), 'state', 'last-uses');
    await keeps(() => new FileLastUses(root));
    expect(statSync(root).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, ALICE)).mode & 0o777).toBe(0o600);
  });

  it('are kept in Redis, for all machines', async (context) => {
    requirePackage(context, hasRedis(), 'redis-server');
    const server = await RedisServer.start();
    onTestFinished(() => server.remove());
    await keeps(() => new RedisLastUses(redisSettings(server.url)));
    await server.stop();
    const uses = new RedisLastUses(redisSettings(server.url));
    onTestFinished(() => uses.close());
    await expect(uses.record(ALICE, 1)).rejects.toMatchObject({ code: 'replay-cache-unavailable' });
  });

  it('are read by root without following links, and without what is no time', async (context) => {
    requireRoot(context);
    const root = join(temporaryDirectory(), 'last-uses');
    await new FileLastUses(root).record(ALICE, NOW);
    const secret = join(temporaryDirectory(), 'secret');
    writeFileSync(secret, '12345\n');
    symlinkSync(secret, join(root, BOB));
    execFileSync('mkfifo', [join(root, 'c'.repeat(32))]);
    mkdirSync(join(root, 'd'.repeat(32)));
    writeFileSync(join(root, 'e'.repeat(32)), '');
    writeFileSync(join(root, 'f'.repeat(32)), '9'.repeat(16));
    writeFileSync(join(root, '0'.repeat(32)), `${'1'.repeat(17)}\n`);
    writeFileSync(join(root, 'other'), '1');
    chownSync(root, OTHER_USER, OTHER_USER);
    expect(await new FileLastUses(root).read()).toEqual(new Map([[ALICE, NOW]]));
    // Root must not write where another user can lead it to.
    await expect(new FileLastUses(root).record(BOB, 1)).rejects.toThrow(/expected a directory of uid 0/);
  });

  it('are not written to a directory that others can change', async () => {
    const root = join(temporaryDirectory(), 'last-uses');
    mkdirSync(root);
    chmodSync(root, 0o777);
    await expect(new FileLastUses(root).record(ALICE, 1)).rejects.toThrow(/other users can write there/);
    expect(readdirSync(root)).toEqual([]);
  });

  it('report a full disk, and keep what is there', async (context) => {
    const directory = mountTmpfs('nr_inodes=3');
    if (directory === undefined) {
      context.skip('this user may not mount a file system');
      return;
    }
    const uses = new FileLastUses(join(directory, 'last-uses'));
    await uses.record(ALICE, 1);
    await expect(uses.record(BOB, 2)).rejects.toThrow(/no space or no inodes are left/);
    await uses.record(ALICE, 3);
    expect(await uses.read()).toEqual(new Map([[ALICE, 3]]));
  });
});

describe('the recording of last uses', () => {
  it('is done once an hour for each app password', () => {
    const recorded: [string, number][] = [];
    let now = NOW;
    const onUsed = createUseRecorder({
      record: (id, at) => Promise.resolve(void recorded.push([id, at])),
      clock: () => now,
      onWarning: (message) => expect.fail(message),
    });
    for (const [id, at] of [
      [ALICE, 0],
      [ALICE, 1],
      [BOB, 2],
      [ALICE, 3_599_999],
      [ALICE, 3_600_000],
      [ALICE, 10],
    ] as const) {
      now = NOW + at;
      onUsed(id);
    }
    // The clock was set back before the last one.
    expect(recorded.map(([id, at]) => [id, at - NOW])).toEqual([
      [ALICE, 0],
      [BOB, 2],
      [ALICE, 3_600_000],
      [ALICE, 10],
    ]);
  });

  it('never throws, warns once, and is tried again', async () => {
    const warnings: string[] = [];
    let [tries, isBroken] = [0, true];
    const onUsed = createUseRecorder({
      record: () => {
        tries += 1;
        return isBroken ? Promise.reject(new Error('full')) : Promise.resolve();
      },
      clock: () => NOW,
      onWarning: (message) => warnings.push(message),
    });
    for (let count = 1; count < 4; count += 1) {
      onUsed(ALICE);
      await expect.poll(() => tries).toBe(count);
      isBroken = count < 2;
    }
    onUsed(ALICE);
    expect(tries).toBe(3);
    expect(warnings).toEqual(['the last use of an app password was not recorded: full']);
  });
});
