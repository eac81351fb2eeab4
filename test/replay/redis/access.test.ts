import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { timeStepAt } from '../../../src/credential/otp.js';
import { explainRedisError } from '../../../src/replay/redis/errors.js';

import { UnexpectedReplyError } from '../../../src/replay/redis/replies.js';
import { RedisReplayCache, RedisRevocations, RedisSeenUsers } from '../../../src/replay/redis/redis-cache.js';
import type { RedisSettings } from '../../../src/replay/redis/settings.js';
import { parseRedisAddress } from '../../../src/replay/redis/store.js';
import type { TokenUse } from '../../../src/replay/replay-cache.js';
import { FakeRedis } from '../../support/servers/fake-redis.js';
import { temporaryDirectory } from '../../support/directory.js';
import { freePort } from '../../support/system/ports.js';
import { hasRedis, redisSettings, RedisServer } from '../../support/servers/redis.js';
import { requirePackage } from '../../support/run/requirements.js';

const AHEAD = 4;
const fresh = (): TokenUse => ({ id: randomUUID(), timeStep: timeStepAt(Date.now()) + AHEAD });

async function start(): Promise<RedisServer> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.remove());
  return redis;
}

function open(url: string, others: Partial<RedisSettings>): RedisReplayCache {
  const cache = new RedisReplayCache(redisSettings(url, others));
  onTestFinished(() => cache.close());
  return cache;
}

/** @returns the permissions that the documentation asks for */
function documented(): string[] {
  const [, list = ''] = /`((?:\+\w+\s+)+\+\w+)`/.exec(readFileSync('docs/replay.md', 'utf8')) ?? [];
  return list.split(/\s+/);
}

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

describe('a user of Redis', () => {
  it('with the documented permissions can do everything, and needs each of them', async () => {
    const redis = await start();
    const user = { username: 'chat', password: 'secret' };
    const permissions = documented();
    redis.cli('acl', 'setuser', 'chat', 'on', '>secret', '~test:*', ...permissions);
    const cache = open(redis.url, user);
    const use = fresh();
    expect(await cache.consume(use)).toBe('consumed');
    // `info` is asked for at the beginning, `del` and `zpopmin` only now and then.
    for (const needed of [
      'hsetnx',
      'hmget',
      'pexpireat',
      'eval',
      'hset',
      'get',
      'set',
      'time',
      'zadd',
      'zcard',
    ]) {
      redis.cli('flushall');
      redis.cli('acl', 'setuser', 'chat', `-${needed}`);
      await expect(open(redis.url, user).consume(fresh())).rejects.toThrow(
        `lacks permissions: ${permissions.join(' ')} `,
      );
      redis.cli('acl', 'setuser', 'chat', `+${needed}`);
    }
  });

  it('with the documented permissions can keep users and revocations', async () => {
    const redis = await start();
    redis.cli('acl', 'setuser', 'chat', 'on', '>secret', '~test:*', ...documented());
    const settings = redisSettings(redis.url, { username: 'chat', password: 'secret' });
    const [seen, revocations] = [new RedisSeenUsers(settings), new RedisRevocations(settings)];
    onTestFinished(async () => {
      await Promise.all([seen.close(), revocations.close()]);
    });
    await seen.add('alice', 'example.com');
    expect(await seen.has('alice', 'example.com')).toBe(true);
    expect(await seen.list('example.com', undefined)).toMatchObject({ next: '01.0.0' });
    await revocations.add({ jid: 'bob@example.com', revokedAt: 1, isBlocked: true });
    expect((await revocations.read(undefined))?.revocations).toHaveLength(1);
  });

  it('that lacks permissions is told which are needed', () => {
    expect(explainRedisError(new Error('NOPERM this user has no permissions'), undefined)).toContain(
      documented().join(' '),
    );
  });

  it('that needs no password may have one', async () => {
    const redis = await start();
    expect(await open(redis.url, { password: 'none' }).consume(fresh())).toBe('consumed');
  });

  it('that finds other data under its keys is told to change the prefix', async () => {
    const redis = await start();
    redis.cli('set', 'test:steps', 'x');
    await expect(open(redis.url, {}).consume(fresh())).rejects.toThrow(
      'set replay.prefix to a prefix of its own',
    );
  });
});

describe('TLS', () => {
  it('is trusted only if its authority is', async (context) => {
    const directory = temporaryDirectory();
    const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const how = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '1',
    ];
    const made = spawnSync('openssl', [...how, ...subject, '-keyout', key, '-out', certificate]);
    requirePackage(context, made.status === 0, 'openssl');
    const port = String(await freePort());
    const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate];
    const redis = await RedisServer.start(['--tls-port', port, '--tls-auth-clients', 'no', ...files]);
    onTestFinished(() => redis.remove());
    const url = `rediss://127.0.0.1:${port}`;
    const ca = readFileSync(certificate, 'utf8');
    expect(await open(url, { ca }).consume(fresh())).toBe('consumed');
    await expect(open(url, {}).consume(fresh())).rejects.toThrow(
      'set replay.ca_file to the authority that signed it',
    );
    await expect(open(redis.url.replace('redis:', 'rediss:'), { ca }).consume(fresh())).rejects.toThrow(
      'redis',
    );
  });
});

describe('a Sentinel', () => {
  it.each<[string, string]>([
    ['names no address', '*0\r\n'],
    ['names no port', '*2\r\n$9\r\n127.0.0.1\r\n$1\r\nx\r\n'],
  ])('that %s is asked again until it names one', async (_, unexpected) => {
    const redis = await start();
    let address = unexpected;
    const sentinel = await FakeRedis.start(0, ([name, verb]) =>
      name === 'sentinel' && verb === 'get-master-addr-by-name' ? address : '*0\r\n',
    );
    onTestFinished(() => sentinel.stop());
    const cache = open(sentinel.url, { sentinelMaster: 'main' });
    for (let count = 0; count < 3; count += 1) {
      await expect(cache.consume(fresh())).rejects.toThrow(new UnexpectedReplyError().message);
      await sleep(100);
    }
    const port = String(redis.port);
    address = `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n`;
    await expect.poll(() => cache.consume(fresh()).catch(() => undefined)).toBe('consumed');
  });

  it('that names a replica is not believed, and another Sentinel is asked', async () => {
    const [primary, replica] = [await start(), await start()];
    replica.cli('replicaof', '127.0.0.1', String(primary.port));
    replica.cli('config', 'set', 'replica-read-only', 'no');
    await expect.poll(() => replica.cli('info', 'replication')).toContain('role:slave');
    let named = replica.port;
    const asked: string[] = [];
    const sentinelOf = (label: string): Promise<FakeRedis> =>
      FakeRedis.start(0, ([name, verb]) => {
        if (name !== 'sentinel' || verb !== 'get-master-addr-by-name') return '*0\r\n';
        asked.push(label);
        const port = String(named);
        return `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n`;
      });
    const sentinels = [await sentinelOf('first'), await sentinelOf('second')];
    onTestFinished(() => Promise.all(sentinels.map((sentinel) => sentinel.stop())).then(() => undefined));
    const addresses = sentinels.map(({ url }) => parseRedisAddress(url));
    const cache = open(sentinels[0]?.url ?? '', { addresses, sentinelMaster: 'main' });
    await expect(cache.consume(fresh())).rejects.toThrow();
    await expect.poll(() => new Set(asked).size).toBe(2);
    await expect(cache.consume(fresh())).rejects.toThrow();
    named = primary.port;
    await expect.poll(() => cache.consume(fresh()).catch(() => undefined)).toBe('consumed');
  });

  it('that does not know the primary is reported', async () => {
    const sentinel = await FakeRedis.start(0, () => '$-1\r\n');
    onTestFinished(() => sentinel.stop());
    const cache = open(sentinel.url, { sentinelMaster: 'main' });
    await expect(cache.consume(fresh())).rejects.toThrow('correct replay.sentinel_master');
  });
});
