import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { RedisSettings } from '../../../src/replay/redis/settings.js';
import { parseRedisAddress } from '../../../src/replay/redis/store.js';
import { timeStepAt } from '../../../src/credential/otp.js';
import { RedisReplayCache } from '../../../src/replay/redis/redis-cache.js';
import type { ConsumeResult, TokenUse } from '../../../src/replay/replay-cache.js';
import { freePort } from '../../support/system/ports.js';
import { end } from '../../support/system/processes.js';
import { hasRedis, redisSettings, RedisServer } from '../../support/servers/redis.js';
import { requirePackage } from '../../support/run/requirements.js';

const AHEAD = 4;
const FAR_AHEAD = 8;
const AT_A_TIME = 50;
const FAILOVER_MILLISECONDS = 45_000;

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

async function start(...args: string[]): Promise<RedisServer> {
  const redis = await RedisServer.start(args);
  onTestFinished(() => redis.remove());
  return redis;
}

function open(servers: readonly { url: string }[], others: Partial<RedisSettings>): RedisReplayCache {
  const addresses = servers.map(({ url }) => parseRedisAddress(url));
  const cache = new RedisReplayCache(redisSettings('redis://unused', { ...others, addresses }));
  onTestFinished(() => cache.close());
  return cache;
}

const uses = (count: number, ahead: number): TokenUse[] =>
  Array.from({ length: count }, () => ({ id: randomUUID(), timeStep: timeStepAt(Date.now()) + ahead }));

async function consumeAll(cache: RedisReplayCache, all: readonly TokenUse[]): Promise<Set<ConsumeResult>> {
  const results = new Set<ConsumeResult>();
  // Not all at once: on a busy machine some would time out.
  for (let at = 0; at < all.length; at += AT_A_TIME) {
    const consumes = all
      .slice(at, at + AT_A_TIME)
      .map((use) => cache.consume(use).catch(() => 'replay-cache-unavailable' as const));
    for (const result of await Promise.all(consumes)) results.add(result);
  }
  return results;
}

/** Consumes new tokens until all of them are accepted. */
async function expectService(cache: RedisReplayCache, ahead: number): Promise<void> {
  const deadline = Date.now() + FAILOVER_MILLISECONDS;
  let consumes = new Set<ConsumeResult>();
  while (Date.now() < deadline && !(consumes.size === 1 && consumes.has('consumed'))) {
    consumes = await consumeAll(cache, uses(AT_A_TIME, ahead));
    await sleep(100);
  }
  expect([...consumes]).toEqual(['consumed']);
}

async function startCluster(): Promise<RedisServer[]> {
  const nodes: RedisServer[] = [];
  while (nodes.length < 6) {
    const bus = ['--cluster-port', String(await freePort())];
    nodes.push(await start('--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', ...bus));
  }
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const flags = ['--cluster-replicas', '1', '--cluster-yes'];
  const { status, stdout } = spawnSync('redis-cli', ['--cluster', 'create', ...addresses, ...flags], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`expected a cluster: ${stdout}`);
  for (const replica of nodes.slice(3)) await expectReplica(replica);
  for (const node of nodes) await expect.poll(() => node.cli('cluster', 'info')).toContain('state:ok');
  return nodes;
}

/** A replica that has not caught up cannot take over. */
async function expectReplica(server: RedisServer): Promise<void> {
  await expect.poll(() => server.cli('info', 'replication')).toContain('master_link_status:up');
}

/** Waits until a replica has all that its primary has now. Redis replies before it has sent an entry to replicas. */
async function expectCopied(replica: RedisServer, primary: RedisServer): Promise<void> {
  const offset = replicationOf(primary, 'master_repl_offset');
  await expect.poll(() => replicationOf(replica, 'slave_repl_offset')).toBeGreaterThanOrEqual(offset);
}

/** Returns a number of `INFO replication`. */
function replicationOf(server: RedisServer, field: string): number {
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(server.cli('info', 'replication'))?.[1]);
}

async function startSentinel(primary: RedisServer): Promise<{ url: string }> {
  const port = await freePort();
  const file = join(primary.directory, 'sentinel.conf');
  const watched = `sentinel monitor main 127.0.0.1 ${primary.port} 1\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n`;
  writeFileSync(file, `port ${port}\nbind 127.0.0.1\ndir ${primary.directory}\n${watched}`);
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  onTestFinished(() => end(child));
  return { url: `redis://127.0.0.1:${port}` };
}

describe('a Redis Cluster', { timeout: 150_000 }, () => {
  it('accepts each token once, also after a primary crashes', async () => {
    const nodes = await startCluster();
    const [first, second] = [open(nodes, { isCluster: true }), open(nodes, { isCluster: true })];
    await expectService(first, AHEAD);
    const [used, near] = [uses(200, AHEAD), uses(200, 1)];
    expect([...(await consumeAll(first, used))]).toEqual(['consumed']);
    expect([...(await consumeAll(second, used))]).toEqual(['replayed']);
    expect([...(await consumeAll(second, near))]).toEqual(['replay-unknown']);
    for (const replica of nodes.slice(3)) {
      const port = replicationOf(replica, 'master_port');
      const primary = nodes.find((node) => node.port === port);
      if (primary === undefined) throw new Error(`expected a primary on port ${port}`);
      await expectCopied(replica, primary);
    }
    nodes[0]?.signal('SIGKILL');
    await expectService(first, FAR_AHEAD);
    for (const cache of [first, second]) expect(await consumeAll(cache, used)).not.toContain('consumed');
  });
});

describe('a primary that Sentinels watch', { timeout: 150_000 }, () => {
  it('is followed after a failover, and earlier tokens are refused then', async () => {
    const primary = await start();
    const replica = await start('--replicaof', `127.0.0.1 ${primary.port}`);
    await expectReplica(replica);
    const cache = open([await startSentinel(primary)], { sentinelMaster: 'main' });
    await expectService(cache, AHEAD);
    const [used, unused] = [uses(50, AHEAD), uses(50, AHEAD)];
    expect([...(await consumeAll(cache, used))]).toEqual(['consumed']);
    await expectCopied(replica, primary);
    primary.signal('SIGKILL');
    await expectService(cache, FAR_AHEAD);
    for (const earlier of [used, unused]) expect(await consumeAll(cache, earlier)).not.toContain('consumed');
  });
});
