import { chownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findAccount } from '../../../src/cli/check/machine/accounts.js';
import { check } from '../../support/daemon/check.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { hasRedis, RedisServer } from '../../support/servers/redis.js';
import { requirePackage } from '../../support/run/requirements.js';
import { PROGRAM } from '../../support/xtokend.js';

/** Returns the findings of `xtokend check` about `[replay]`, and its exit code. */
function checkReplayCache(
  replay: string,
  env: NodeJS.ProcessEnv = {},
): { status: number | null; codes: string[]; messages: string; fixes: string } {
  // A new process, since the start of a replay cache in memory is that of the process.
  const { status, findings } = check(`${SECRETS}[replay]\n${replay}\n`, { env, program: PROGRAM });
  const found = findings.filter(({ subject }) => subject === 'replay');
  return {
    status,
    codes: found.map(({ level, code }) => `${level} ${code}`),
    messages: found.map(({ message }) => message).join('\n'),
    fixes: found.map(({ fix }) => fix).join('\n'),
  };
}

describe('xtokend check, of the replay cache', () => {
  it('tests the directory, and leaves nothing behind', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'not/yet');
    const runs: [string, string, NodeJS.ProcessEnv][] = [
      [path, `path = "${path}"`, {}],
      [directory, '', { STATE_DIRECTORY: `${directory}:/other` }],
      [directory, 'store = "journal"', { STATE_DIRECTORY: directory }],
    ];
    for (const [tested, replay, env] of runs) {
      const { status, codes, messages } = checkReplayCache(replay, env);
      expect([status, codes]).toEqual([0, ['ok replay-ok']]);
      expect(messages).toContain(`tried in ${tested}`);
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  it('reports that the replay cache was removed', () => {
    const path = temporaryDirectory();
    symlinkSync('100-0123456789abcdef', join(path, 'replay-cache.began'));
    const { status, codes } = checkReplayCache(`path = "${path}"`);
    expect([status, codes.slice(0, 2)]).toEqual([0, ['ok replay-ok', 'warning replay-removed']]);
    expect(readdirSync(path)).toEqual(['replay-cache.began']);
  });

  it('reports what the former store has left', () => {
    const path = temporaryDirectory();
    for (const name of ['used-tokens', 'used-tokens.began']) mkdirSync(join(path, name));
    const { status, codes, fixes } = checkReplayCache(`path = "${path}"`);
    expect([status, codes]).toEqual([0, ['ok replay-ok', 'warning replay-former-store']]);
    expect(fixes).toContain(
      `stop xtokend, wait 90 s, run: rm -r ${path}/used-tokens ${path}/used-tokens.began`,
    );
  });

  it('reports why the directory cannot be used, with the fix', () => {
    const path = temporaryDirectory();
    writeFileSync(join(path, 'file'), '');
    const { status, codes, messages } = checkReplayCache(`path = "${path}/file"`);
    expect([status, codes]).toEqual([1, ['problem replay-unavailable']]);
    expect(messages).toContain('correct replay.path');
  });

  it('requires that the replay cache belongs to the same user', (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can give a directory away');
    const path = temporaryDirectory();
    mkdirSync(join(path, 'replay-cache'), { mode: 0o700 });
    chownSync(join(path, 'replay-cache'), 12345, 12345);
    const { status, codes, messages } = checkReplayCache('', { STATE_DIRECTORY: path });
    expect([status, codes]).toEqual([1, ['problem replay-unavailable']]);
    expect(messages).toContain('uid 12345');
  });

  it.for([
    ['user prosody', "run: su -s /bin/sh prosody -c 'xtokend check --config /", findAccount('prosody')?.uid],
    ['a systemd service (uid 64686)', 'journalctl -u xtokend', 64686],
  ] as const)('does not test as root what belongs to %s', ([owner, fix, uid], context) => {
    requirePackage(context, uid !== undefined, 'prosody');
    if (process.getuid?.() !== 0) context.skip('only root can give a directory away');
    const path = temporaryDirectory();
    chownSync(path, uid ?? 0, 0);
    const { status, of } = check(SECRETS, { env: { STATE_DIRECTORY: path } });
    expect(status).toBe(0);
    expect(of('replay-other-owner')).toEqual([
      expect.stringContaining(`in ${path} belongs to ${owner} and was not tested`),
    ]);
    expect(of('replay-other-owner').join()).toContain(fix);
    expect(readdirSync(path)).toEqual([]);
  });

  it('warns if the replay cache is in memory only', () => {
    const weak = ['warning replay-not-durable'];
    expect(checkReplayCache('store = "memory"').codes).toEqual(weak);
    const refusing = checkReplayCache('store = "memory"\nafter_restart = "refuse"');
    expect(refusing.codes).toEqual(['ok replay-ok', 'note replay-incomplete']);
    const unusable = checkReplayCache('', { STATE_DIRECTORY: temporaryFile('') });
    expect([unusable.status, unusable.codes]).toEqual([0, weak]);
    expect(unusable.messages).toMatch(
      /^replay cache is in memory only: this user \(uid \d+\) can't write to /,
    );
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'replay-cache'), '');
    expect(checkReplayCache('', { STATE_DIRECTORY: directory }).status).toBe(1);
  });

  it('tests Redis, and reports what is wrong with it', async (context) => {
    requirePackage(context, hasRedis(), 'redis-server');
    const redis = await RedisServer.start();
    onTestFinished(() => redis.remove());
    const settings = `store = "redis"\nurl = "${redis.url}"\nprefix = "chat:"`;
    const incomplete = checkReplayCache(settings);
    expect([incomplete.status, incomplete.codes]).toEqual([0, ['ok replay-ok', 'note replay-incomplete']]);
    redis.beginLongAgo('chat:');
    const complete = checkReplayCache(settings);
    expect([complete.status, complete.codes]).toEqual([0, ['ok replay-ok']]);
    await redis.stop();
    const stopped = checkReplayCache(settings);
    expect([stopped.status, stopped.codes]).toEqual([1, ['problem replay-unavailable']]);
    expect(stopped.messages).toContain(redis.url);
  });
});
