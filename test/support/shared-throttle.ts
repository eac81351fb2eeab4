import { expect, onTestFinished } from 'vitest';
import type { ThrottleSettings } from '../../src/passwords/settings.js';
import { createThrottle, type Throttle } from '../../src/passwords/throttle/throttle.js';
import { RedisAttemptCounters } from '../../src/replay/redis/redis-cache.js';
import type { RedisSettings } from '../../src/replay/redis/settings.js';
import { redisSettings, RedisServer } from './servers/redis.js';

export const LIMITS: ThrottleSettings = { window: 600_000, userFromAddress: 10, address: 50, user: 50 };
export const ALICE = 'alice@example.com';
export const ATTACKER = '203.0.113.5';
const AT_A_TIME = 50;

/** A throttle with counters in Redis, as a process of its own has it. */
export interface Opened {
  readonly throttle: Throttle;
  readonly warnings: string[];
  readonly counters: RedisAttemptCounters;
}

/** Opens a throttle with counters in Redis, until the end of the test. */
export function openThrottle(
  url: string,
  limits: Partial<ThrottleSettings> = {},
  others: Partial<RedisSettings> = {},
): Opened {
  const counters = new RedisAttemptCounters(redisSettings(url, others));
  const warnings: string[] = [];
  const shared = { counters, secret: 'secret' };
  const onWarning = (message: string): unknown => warnings.push(message);
  const throttle = createThrottle({ ...LIMITS, ...limits }, { shared, onWarning });
  onTestFinished(async () => {
    await Promise.all([throttle.close(), counters.close()]);
  });
  return { throttle, warnings, counters };
}

/** Opens a throttle, and returns when it is connected. */
export async function openConnected(...args: Parameters<typeof openThrottle>): Promise<Opened> {
  const opened = openThrottle(...args);
  await settled(opened);
  return opened;
}

/**
 * Waits until Redis has replied to all that was sent. A test that runs redis-cli before would block the event loop, and so exceed the
 * deadline of a reply.
 */
export async function settled({ counters }: Opened): Promise<void> {
  const nothing = { limits: LIMITS, buckets: [], login: undefined };
  const isReplying = (): Promise<boolean> =>
    counters.count(nothing).then(
      () => true,
      () => false,
    );
  await expect.poll(isReplying).toBe(true);
}

/** Makes wrong attempts, by turns with each throttle and from each address. Returns how many get through. */
export async function guess(
  count: number,
  opened: readonly Opened[],
  from: readonly (string | undefined)[],
): Promise<number> {
  const admit = async (index: number): Promise<unknown> => {
    const throttle = opened[index % opened.length]?.throttle;
    return throttle?.admit(ALICE, from[Math.floor(index / opened.length) % from.length]);
  };
  let admitted = 0;
  // Not all at once: on a busy machine some would time out.
  for (let at = 0; at < count; at += AT_A_TIME) {
    const attempts = Array.from({ length: Math.min(AT_A_TIME, count - at) }, (_, index) => admit(at + index));
    admitted += (await Promise.all(attempts)).filter((admission) => admission !== undefined).length;
  }
  return admitted;
}

/** Logs alice in with the right password. Returns whether the attempt is admitted. */
export async function logIn({ throttle }: Opened, client: string | undefined): Promise<boolean> {
  const admission = await throttle.admit(ALICE, client);
  admission?.succeeded();
  return admission !== undefined;
}

/** Starts a Redis server, until the end of the test. */
export async function startRedis(...args: string[]): Promise<RedisServer> {
  const redis = await RedisServer.start(args);
  onTestFinished(() => redis.remove());
  return redis;
}

export const addresses: string[] = Array.from({ length: 100 }, (_, index) => `198.51.100.${index}`);
