import { chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findAccount } from '../../../src/cli/check/machine/accounts.js';
import { check } from '../../support/check.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { hasRedis, RedisServer } from '../../support/redis.js';
import { requirePackage } from '../../support/requirement.js';

/** @returns what `xtokend check` says about `[replay]`, and its exit code */
function checkReplayCache(
  replay: string,
  env: NodeJS.ProcessEnv = {},
): { status: number | null; said: string[] } {
  const { status, findings } = check(`${SECRETS}[replay]\n${replay}\n`, { env });
  const cache = findings.filter(({ subject }) => subject === 'replay');
  return { status, said: cache.map(({ level, message }) => `${level}: ${message}`) };
}

describe('xtokend check, of the replay cache', () => {
  it('tries the directory, and leaves nothing behind', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'not/yet');
    const once = (where: string): string =>
      `ok: each token is accepted once on this machine, over restarts and crashes; tried in ${where}`;
    expect(checkReplayCache(`path = "${path}"`)).toEqual({ status: 0, said: [once(path)] });
    expect(readdirSync(directory)).toEqual([]);
    expect(checkReplayCache('', { STATE_DIRECTORY: `${directory}:/other` })).toEqual({
      status: 0,
      said: [once(directory)],
    });
    expect(checkReplayCache('store = "directory"', { STATE_DIRECTORY: directory }).said).toEqual([
      once(directory),
    ]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('says that the record was removed', () => {
    const path = temporaryDirectory();
    mkdirSync(join(path, 'used-tokens.began'));
    const { status, said } = checkReplayCache(`path = "${path}"`);
    expect(status).toBe(0);
    expect(said[1]).toContain('warning: the replay cache was removed: it is made anew at the next login');
    expect(readdirSync(path)).toEqual(['used-tokens.began']);
  });

  it('names what keeps the directory from being used, with the cure', () => {
    const path = temporaryDirectory();
    writeFileSync(join(path, 'file'), '');
    const { status, said } = checkReplayCache(`path = "${path}/file"`);
    expect(status).toBe(1);
    expect(said).toEqual([
      expect.stringMatching(/^problem: every token would be refused: .*: move that, or correct/),
    ]);
  });

  it('uses a record of the same user only', (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can give a directory away');
    const path = temporaryDirectory();
    mkdirSync(join(path, 'used-tokens'), { mode: 0o700 });
    chownSync(join(path, 'used-tokens'), 12345, 12345);
    const { status, said } = checkReplayCache('', { STATE_DIRECTORY: path });
    expect(status).toBe(1);
    expect(said.join()).toContain('found one of uid 12345: run xtokend as that user, or remove it');
  });

  it.for([
    ['user prosody', "su -s /bin/sh prosody -c 'xtokend check' tries it", findAccount('prosody')?.uid],
    ['a service of systemd (uid 64686)', 'journalctl -u xtokend', 64686],
  ] as const)('leaves to its owner what root could not use: %s', ([owner, fix, uid], context) => {
    requirePackage(context, uid !== undefined, 'prosody');
    if (process.getuid?.() !== 0) context.skip('only root can give a directory away');
    const path = temporaryDirectory();
    chownSync(path, uid ?? 0, 0);
    const { status, of } = check(SECRETS, { env: { STATE_DIRECTORY: path } });
    expect(status).toBe(0);
    expect(of('replay-other-owner')).toEqual([
      expect.stringContaining(`in ${path} is that of ${owner}, and was not tried`),
    ]);
    expect(of('replay-other-owner').join()).toContain(fix);
    expect(readdirSync(path)).toEqual([]);
  });

  it('says what is lost where there is the memory only', () => {
    const lost = 'a token of the last 90 s can be used again';
    expect(checkReplayCache('store = "memory"').said).toEqual([
      `warning: used tokens are remembered in memory, by one process: after a restart, ${lost}`,
    ]);
    expect(checkReplayCache('store = "memory"\nafter_restart = "refuse"').said).toEqual([
      expect.stringContaining('ok: each token is accepted once by one process; after each start'),
      expect.stringMatching(/^note: .*tokens from before the start are refused/),
    ]);
    const file = temporaryFile('');
    const { status, said } = checkReplayCache('', { STATE_DIRECTORY: file });
    expect(status).toBe(0);
    expect(said.join()).toMatch(
      /^warning: replay cache is in memory only: this user \(uid \d+\) cannot write to .*used again/,
    );
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'used-tokens'), '');
    expect(checkReplayCache('', { STATE_DIRECTORY: directory }).status).toBe(1);
  });

  it('tries Redis, and names what is wrong with it', async (context) => {
    requirePackage(context, hasRedis(), 'redis-server');
    const redis = await RedisServer.start();
    onTestFinished(() => redis.remove());
    const settings = `store = "redis"\nurl = "${redis.url}"\nprefix = "chat:"`;
    const once = 'ok: each token is accepted once by all who share this Redis and its prefix; tried';
    expect(checkReplayCache(settings)).toEqual({
      status: 0,
      said: [
        once,
        'note: for up to 90 s more, tokens from before the beginning of the data in Redis are refused',
      ],
    });
    redis.beginLongAgo('chat:');
    expect(checkReplayCache(settings)).toEqual({ status: 0, said: [once] });
    // What is left of a step is its sign.
    const fields = redis.keys('chat:step:*').flatMap((key) => redis.cli('hkeys', key).trim().split('\n'));
    expect(new Set(fields)).toEqual(new Set(['sign']));
    await redis.stop();
    expect(checkReplayCache(settings)).toEqual({
      status: 1,
      said: [
        expect.stringContaining(`${redis.url}: nobody listens there: start Redis, or correct replay.url`),
      ],
    });
  });
});
