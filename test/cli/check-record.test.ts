import { chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findAccount } from '../../src/cli/check/accounts.js';
import { check } from '../support/check.js';
import { temporaryFile, temporaryFolder } from '../support/folder.js';
import { SECRETS } from '../support/keys.js';
import { hasRedis, RedisServer } from '../support/redis.js';
import { requirePackage } from '../support/requirement.js';

/** @returns what `xtokend check` says about `[replay]`, and its exit code */
function checkRecord(replay: string, env: NodeJS.ProcessEnv = {}): { status: number | null; said: string[] } {
  const { status, findings } = check(`${SECRETS}[replay]\n${replay}\n`, { env });
  const record = findings.filter(({ subject }) => subject === 'record');
  return { status, said: record.map(({ level, message }) => `${level}: ${message}`) };
}

describe('xtokend check, of the record of used tokens', () => {
  it('tries the directory, and leaves nothing behind', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'not/yet');
    const once = (where: string): string =>
      `ok: each token is accepted once on this machine, over restarts and crashes; tried in ${where}`;
    expect(checkRecord(`path = "${path}"`)).toEqual({ status: 0, said: [once(path)] });
    expect(readdirSync(folder)).toEqual([]);
    expect(checkRecord('', { STATE_DIRECTORY: `${folder}:/other` })).toEqual({
      status: 0,
      said: [once(folder)],
    });
    expect(checkRecord('store = "directory"', { STATE_DIRECTORY: folder }).said).toEqual([once(folder)]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says that the record was removed', () => {
    const path = temporaryFolder();
    mkdirSync(join(path, 'used-tokens.began'));
    const { status, said } = checkRecord(`path = "${path}"`);
    expect(status).toBe(0);
    expect(said[1]).toContain(
      'warning: the record of used tokens was removed: it is made anew at the next login',
    );
    expect(readdirSync(path)).toEqual(['used-tokens.began']);
  });

  it('names what keeps the directory from being used, with the cure', () => {
    const path = temporaryFolder();
    writeFileSync(join(path, 'file'), '');
    const { status, said } = checkRecord(`path = "${path}/file"`);
    expect(status).toBe(1);
    expect(said).toEqual([
      expect.stringMatching(/^problem: every token would be refused: .*: move that, or correct/),
    ]);
  });

  it('uses a record of the same user only', (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can give a directory away');
    const path = temporaryFolder();
    mkdirSync(join(path, 'used-tokens'), { mode: 0o700 });
    chownSync(join(path, 'used-tokens'), 12345, 12345);
    const { status, said } = checkRecord('', { STATE_DIRECTORY: path });
    expect(status).toBe(1);
    expect(said.join()).toContain('found one of uid 12345: run xtokend as that user, or remove it');
  });

  it.for([
    ['user prosody', "su -s /bin/sh prosody -c 'xtokend check' tries it", findAccount('prosody')?.uid],
    ['a service of systemd (uid 64686)', 'journalctl -u xtokend', 64686],
  ] as const)('leaves to its owner what root could not use: %s', ([owner, cure, uid], context) => {
    requirePackage(context, uid !== undefined, 'prosody');
    if (process.getuid?.() !== 0) context.skip('only root can give a directory away');
    const path = temporaryFolder();
    chownSync(path, uid ?? 0, 0);
    const { status, of } = check(SECRETS, { env: { STATE_DIRECTORY: path } });
    expect(status).toBe(0);
    expect(of('record-of-another')).toEqual([
      expect.stringContaining(`in ${path} is that of ${owner}, and was not tried`),
    ]);
    expect(of('record-of-another').join()).toContain(cure);
    expect(readdirSync(path)).toEqual([]);
  });

  it('says what is lost where there is the memory only', () => {
    const lost = 'a token of the last 90 s can be used again';
    expect(checkRecord('store = "memory"').said).toEqual([
      `warning: used tokens are remembered in memory, by one process: after a restart, ${lost}`,
    ]);
    expect(checkRecord('store = "memory"\nafter_restart = "refuse"').said).toEqual([
      expect.stringContaining('ok: each token is accepted once by one process; after each start'),
      expect.stringMatching(/^note: .*tokens from before the start are refused/),
    ]);
    const file = temporaryFile('');
    const { status, said } = checkRecord('', { STATE_DIRECTORY: file });
    expect(status).toBe(0);
    expect(said.join()).toMatch(
      /^warning: used tokens are remembered in memory only: this user \(uid \d+\) cannot write to .*used again/,
    );
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'used-tokens'), '');
    expect(checkRecord('', { STATE_DIRECTORY: folder }).status).toBe(1);
  });

  it('tries Redis, and names what is wrong with it', async (context) => {
    requirePackage(context, hasRedis(), 'redis-server');
    const redis = await RedisServer.start();
    onTestFinished(() => redis.remove());
    const settings = `store = "redis"\nurl = "${redis.url}"\nprefix = "chat:"`;
    const once = 'ok: each token is accepted once by all who share this Redis and its prefix; tried';
    expect(checkRecord(settings)).toEqual({
      status: 0,
      said: [
        once,
        'note: for up to 90 s more, tokens from before the beginning of the data in Redis are refused',
      ],
    });
    redis.beginLongAgo('chat:');
    expect(checkRecord(settings)).toEqual({ status: 0, said: [once] });
    // What is left of a step is its sign.
    const fields = redis.keys('chat:step:*').flatMap((key) => redis.cli('hkeys', key).trim().split('\n'));
    expect(new Set(fields)).toEqual(new Set(['sign']));
    await redis.stop();
    expect(checkRecord(settings)).toEqual({
      status: 1,
      said: [
        expect.stringContaining(`${redis.url}: nobody listens there: start Redis, or correct replay.url`),
      ],
    });
  });
});
