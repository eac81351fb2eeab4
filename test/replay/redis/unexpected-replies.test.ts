import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { timeStepAt } from '../../../src/credential/otp.js';
import { RedisReplayCache } from '../../../src/replay/redis/redis-cache.js';
import type { TokenUse } from '../../../src/replay/replay-cache.js';
import { FakeRedis, type Reply } from '../../support/servers/fake-redis.js';
import { hasRedis, redisSettings, RedisServer } from '../../support/servers/redis.js';
import { requirePackage } from '../../support/run/requirements.js';

const AHEAD = 4;
/** The next attempt to connect is made within 400 ms; the rest is for a busy machine. */
const RECOVERED_WITHIN = 20_000;
const REFUSED_WITHIN = 4000;

const fresh = (): TokenUse => ({ id: randomUUID(), timeStep: timeStepAt(Date.now()) + AHEAD });
const text = (value: string): string => `$${value.length}\r\n${value}\r\n`;

/** Replies as a Redis for which every token is new. */
function honest(command: readonly string[]): string {
  const [name, ...args] = command;
  if (name === 'info') return text('redis_version:7.0.15\r\nloading:0\r\n');
  if (name === 'hsetnx') return ':1\r\n';
  if (name === 'eval') {
    const mark = args.at(-1) ?? '';
    return `*4\r\n${text(mark)}${text('run 0')}:${Date.now()}\r\n${text('noeviction')}`;
  }
  return name === 'pexpireat' ? ':1\r\n' : '+OK\r\n';
}

/** Remembers the last mark: there is one consume at a time. */
function honestServer(): Reply {
  let mark = '';
  return (command) => {
    if (command[0] === 'hsetnx') mark = command[3] ?? '';
    return command[0] === 'hmget' ? `*2\r\n${text('run 0')}${text(mark)}` : honest(command);
  };
}

/** Replaces one reply. */
function except(name: string, reply: string): Reply {
  const other = honestServer();
  return (command, socket) => (command[0] === name ? reply : other(command, socket));
}

/** Adds to the reply to one command. */
function after(name: string, more: string): Reply {
  const other = honestServer();
  return (command, socket) => other(command, socket) + (command[0] === name ? more : '');
}

function unasked(what: string): Reply {
  const other = honestServer();
  return (command, socket: Socket) => {
    if (command[0] === 'pexpireat') setTimeout(() => socket.write(what), 20);
    return other(command, socket);
  };
}

beforeEach((context) => {
  requirePackage(context, hasRedis(), 'redis-server');
});

/** Opens a replay cache in a real Redis, puts a fake in its place, and returns a function that brings the former back. */
async function replace(reply: Reply): Promise<{ cache: RedisReplayCache; restore: () => Promise<void> }> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.remove());
  const cache = new RedisReplayCache(redisSettings(redis.url));
  onTestFinished(() => cache.close());
  expect(await cache.consume(fresh())).toBe('consumed');
  await redis.stop();
  const fake = await FakeRedis.start(redis.port, reply);
  onTestFinished(() => fake.stop());
  const restore = async (): Promise<void> => {
    await fake.stop();
    await redis.start();
    const begin = Date.now();
    let consume: string | undefined;
    while (consume === undefined && Date.now() - begin < RECOVERED_WITHIN) {
      consume = await cache.consume(fresh()).catch(() => undefined);
      await sleep(10);
    }
    expect(consume).toBe('consumed');
  };
  return { cache, restore };
}

describe('another program in place of Redis', () => {
  it.each<[string, Reply]>([
    ['garbage', () => 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['a huge length', except('hsetnx', '$999999999999\r\n')],
    ['huge arrays in each other', except('hsetnx', '*33000000\r\n'.repeat(100))],
    ['an endless line', except('hmget', `+${'x'.repeat(100_000)}`)],
    ['half a reply', except('hmget', '*2\r\n$5\r\nru')],
    ['a text for a number', except('hsetnx', '+1\r\n')],
    ['a number out of range', except('hsetnx', ':2\r\n')],
    ['nothing for an array', except('hmget', '$-1\r\n')],
    ['an array that is too short', except('hmget', '*1\r\n$-1\r\n')],
    ['numbers for texts', except('hmget', '*2\r\n:1\r\n:1\r\n')],
    ['nothing for a script', except('eval', '$-1\r\n')],
    ['another’s mark', except('hmget', `*2\r\n${text('run 0')}${text('abcdef')}`)],
    ['nothing for everything', () => '$-1\r\n'],
    ['OK for everything', () => '+OK\r\n'],
    ['1 for everything', () => ':1\r\n'],
    ['a nil before everything', (command, socket) => `$-1\r\n${honestServer()(command, socket)}`],
    ['subscriptions', except('hsetnx', '>3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n')],
    ['an empty push', except('hsetnx', '>1\r\n_\r\n')],
  ])('that replies with %s makes every consume fail, and recovers', async (_, reply) => {
    const { cache, restore } = await replace(reply);
    for (let count = 0; count < 5; count += 1) {
      const begin = Date.now();
      const consumes = await Promise.allSettled([cache.consume(fresh()), cache.consume(fresh())]);
      expect(consumes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(Date.now() - begin).toBeLessThan(REFUSED_WITHIN);
      await sleep(20);
    }
    await restore();
  });

  it.each<[string, Reply]>([
    ['a nil too many', after('pexpireat', '$-1\r\n')],
    ['three replies too many', after('pexpireat', `:1\r\n*2\r\n${text('run 0')}${text('a')}:1\r\n`)],
    ['a nil without a request', unasked('$-1\r\n')],
    ['half a text without a request', unasked('$5\r\na')],
    ['half a nil without a request', unasked('$-')],
    ['a nil of RESP 3 without a line’s end', unasked('_')],
    ['a number without a request', unasked(':1\r\n')],
    ['an error without a request', unasked('-ERR\r\n')],
    ['a thousand nils without a request', unasked('$-1\r\n'.repeat(1000))],
  ])('that sends %s loses the connection, and recovers', async (_, reply) => {
    const { cache, restore } = await replace(reply);
    for (let count = 0; count < 10; count += 1) {
      await cache.consume(fresh()).catch(() => undefined);
      await sleep(30);
    }
    await restore();
  });
});

/** Remembers tokens as Redis does, but sometimes sends the replies to earlier commands. */
function shifting(): Reply {
  const marks = new Map<string, string>();
  let count = 0;
  const values = (mark: string): string => `*2\r\n${text('run 0')}${text(mark)}`;
  return ([name = '', ...args]) => {
    const [, field = '', mark = ''] = args;
    // The number of replies stays right: those to one consume are dropped for the surplus ones.
    const isKeptBack = count % 50 === 8;
    if (name === 'hmget') return isKeptBack ? '' : values(marks.get(args[2] ?? '') ?? '');
    if (name !== 'hsetnx') return honest([name, ...args]);
    const isNew = !marks.has(field);
    if (isNew) marks.set(field, mark);
    count += 1;
    if (count % 50 === 8) return '';
    return (count % 50 === 0 ? `:1\r\n${values('xxxxxx')}` : '') + `:${isNew ? 1 : 0}\r\n`;
  };
}

describe('a reply to another command', () => {
  it('never makes a token be accepted twice', async () => {
    const fake = await FakeRedis.start(0, shifting());
    onTestFinished(() => fake.stop());
    const cache = new RedisReplayCache(redisSettings(fake.url));
    onTestFinished(() => cache.close());
    const consumed = new Map<string, number>();
    const offer = async (use: TokenUse): Promise<void> => {
      const consume = await cache.consume(use).catch(() => undefined);
      if (consume === 'consumed') consumed.set(use.id, (consumed.get(use.id) ?? 0) + 1);
    };
    let uses: TokenUse[] = [];
    for (let round = 0; round < 40; round += 1) {
      // Each used token follows a new one.
      const fromBefore = uses.filter((_, index) => index % 2 === 0);
      uses = fromBefore
        .concat(Array.from({ length: 20 - fromBefore.length }, fresh))
        .flatMap((use, index, all) => (index < 10 ? [all[index + 10] ?? fresh(), use] : []));
      await Promise.all(uses.map(offer));
      await sleep(30);
    }
    expect(consumed.size).toBeGreaterThan(20);
    expect(Math.max(...consumed.values())).toBe(1);
  });
});
