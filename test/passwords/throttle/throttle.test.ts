import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MemoryCounters } from '../../../src/passwords/throttle/memory-counters.js';
import type { ThrottleSettings } from '../../../src/passwords/settings.js';
import { createThrottle, type Admission, type Throttle } from '../../../src/passwords/throttle/throttle.js';

const LIMITS: ThrottleSettings = { window: 600_000, userFromAddress: 10, address: 50, user: 50 };
const WEEK = 7 * 24 * 3_600_000;
const ALICE = 'alice@example.com';
const ATTACKER = '203.0.113.5';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function open(settings: Partial<ThrottleSettings> = {}): Throttle {
  const throttle = createThrottle(
    { ...LIMITS, ...settings },
    {
      onWarning: (message) => {
        throw new Error(message);
      },
    },
  );
  onTestFinished(() => throttle.close());
  return throttle;
}

function openOver(counters: MemoryCounters): Throttle {
  return createThrottle(LIMITS, { shared: { counters, secret: 'secret' }, onWarning: () => undefined });
}

const addresses = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `198.51.${index >> 8}.${index & 255}`);

/** Makes wrong attempts. Returns how many get through. */
async function guess(
  throttle: Throttle,
  attempts: readonly (readonly [jid: string, client: string | undefined])[],
  isConcurrent: boolean,
): Promise<number> {
  const admissions: (Admission | undefined)[] = [];
  if (isConcurrent) {
    admissions.push(...(await Promise.all(attempts.map(([jid, client]) => throttle.admit(jid, client)))));
  } else {
    for (const [jid, client] of attempts) admissions.push(await throttle.admit(jid, client));
  }
  return admissions.filter((admission) => admission !== undefined).length;
}

const repeat = (count: number, from: readonly (string | undefined)[]): [string, string | undefined][] =>
  Array.from({ length: count }, (_, index) => [ALICE, from[index % from.length]]);

async function logIn(throttle: Throttle, jid: string, client: string | undefined): Promise<boolean> {
  const admission = await throttle.admit(jid, client);
  admission?.succeeded();
  return admission !== undefined;
}

describe.each([
  ['at once', true],
  ['one after another', false],
])('10,000 wrong passwords %s', (_, isConcurrent) => {
  it.each<[string, (string | undefined)[], number]>([
    ['one address', [ATTACKER], LIMITS.userFromAddress],
    ['one /64', ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:ffff::1'], LIMITS.userFromAddress],
    ['one address in two forms', [ATTACKER, `::ffff:${ATTACKER}`], LIMITS.userFromAddress],
    ['100 addresses', addresses(100), LIMITS.user],
    ['no address', [undefined], LIMITS.user],
  ])('for one user from %s get the limit in each window', async (_from, from, expected) => {
    const throttle = open();
    for (let window = 0; window < 2; window += 1) {
      expect(await guess(throttle, repeat(2000, from), isConcurrent)).toBe(expected);
      await vi.advanceTimersByTimeAsync(LIMITS.window);
    }
  });

  it('for different users from one address get the limit of the address', async () => {
    const throttle = open();
    const attempts = Array.from(
      { length: 2000 },
      (_, index) => [`user${index}@example.com`, ATTACKER] as const,
    );
    expect(await guess(throttle, attempts, isConcurrent)).toBe(LIMITS.address);
    expect(await guess(throttle, attempts, isConcurrent)).toBe(0);
  });
});

describe('an attack from one address', () => {
  it('does not lock the user out of other addresses, known or not', async () => {
    const throttle = open();
    expect(await logIn(throttle, ALICE, '192.0.2.1')).toBe(true);
    await guess(throttle, repeat(2000, [ATTACKER]), true);
    await guess(throttle, repeat(2000, [ATTACKER]), false);
    expect(await logIn(throttle, ALICE, '192.0.2.1')).toBe(true);
    expect(await logIn(throttle, ALICE, '192.0.2.2')).toBe(true);
    // 40 of the 50 attempts of the user are left: the refused ones used up none.
    expect(await guess(throttle, repeat(2000, addresses(100)), false)).toBe(
      LIMITS.user - LIMITS.userFromAddress,
    );
  });

  it('that is over the limit of the address uses up no limit of another user', async () => {
    const throttle = open();
    const others = Array.from(
      { length: LIMITS.address },
      (_, index) => [`user${index}@example.com`, ATTACKER] as const,
    );
    expect(await guess(throttle, others, true)).toBe(LIMITS.address);
    expect(await guess(throttle, repeat(2000, [ATTACKER]), true)).toBe(0);
    expect(await guess(throttle, repeat(2000, [undefined]), true)).toBe(LIMITS.user);
  });
});

describe('an attack from many addresses', () => {
  it('does not lock the user out of known addresses', async () => {
    const throttle = open();
    expect(await logIn(throttle, ALICE, '192.0.2.1')).toBe(true);
    await guess(throttle, repeat(2000, addresses(100)), true);
    for (let count = 0; count < 100; count += 1) {
      expect(await logIn(throttle, ALICE, '::ffff:192.0.2.1')).toBe(true);
    }
    expect(await logIn(throttle, ALICE, '192.0.2.2')).toBe(false);
    expect(await logIn(throttle, 'bob@example.com', '192.0.2.2')).toBe(true);
    // A known address may still not guess.
    expect(await guess(throttle, repeat(100, ['192.0.2.1']), true)).toBe(LIMITS.userFromAddress);
  });

  it('uses up no limit of the address of its victim', async () => {
    const throttle = open();
    await guess(throttle, repeat(2000, addresses(100)), true);
    expect(await guess(throttle, repeat(100, ['192.0.2.2']), true)).toBe(0);
    const others = Array.from(
      { length: 100 },
      (_, index) => [`user${index}@example.com`, '192.0.2.2'] as const,
    );
    expect(await guess(throttle, others, false)).toBe(LIMITS.address);
  });

  it('locks out an address that was known a week ago', async () => {
    const throttle = open();
    expect(await logIn(throttle, ALICE, '192.0.2.1')).toBe(true);
    await vi.advanceTimersByTimeAsync(WEEK - 1000);
    await guess(throttle, repeat(100, addresses(100)), true);
    expect(await guess(throttle, repeat(1, ['192.0.2.1']), true)).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await logIn(throttle, ALICE, '192.0.2.1')).toBe(false);
  });
});

describe('an attempt', () => {
  it('that is refused does not extend the window', async () => {
    const throttle = open();
    expect(await guess(throttle, repeat(20, [ATTACKER]), true)).toBe(10);
    for (let seconds = 0; seconds < 599; seconds += 1) {
      await vi.advanceTimersByTimeAsync(1000);
      expect(await throttle.admit(ALICE, ATTACKER)).toBeUndefined();
    }
    await vi.advanceTimersByTimeAsync(1000);
    expect(await throttle.admit(ALICE, ATTACKER)).toBeDefined();
  });

  it('that succeeded or was given back does not count', async () => {
    const throttle = open();
    for (let count = 0; count < 200; count += 1) {
      expect(await logIn(throttle, ALICE, ATTACKER)).toBe(true);
      const admission = await throttle.admit(ALICE, ATTACKER);
      expect(admission).toBeDefined();
      admission?.release();
    }
    expect(await guess(throttle, repeat(100, [ATTACKER]), true)).toBe(LIMITS.userFromAddress);
  });

  it('that was given back does not make the address known', async () => {
    const throttle = open();
    (await throttle.admit(ALICE, '192.0.2.1'))?.release();
    await guess(throttle, repeat(2000, addresses(100)), true);
    expect(await throttle.admit(ALICE, '192.0.2.1')).toBeUndefined();
  });

  it('of an earlier window gives nothing back to the present one', async () => {
    const throttle = open();
    const late = await Promise.all(repeat(5, [ATTACKER]).map(([jid, client]) => throttle.admit(jid, client)));
    await vi.advanceTimersByTimeAsync(LIMITS.window);
    late[0]?.release();
    late[1]?.succeeded();
    await vi.advanceTimersByTimeAsync(1);
    expect(await guess(throttle, repeat(9, [ATTACKER]), true)).toBe(9);
    for (const admission of late.slice(2)) admission?.release();
    expect(await guess(throttle, repeat(100, [ATTACKER]), true)).toBe(1);
  });
});

describe('memory', () => {
  it('is bounded, whatever names and addresses an attacker invents', async () => {
    // So many fake timers would be slow.
    vi.useRealTimers();
    const counters = new MemoryCounters(LIMITS);
    const throttle = openOver(counters);
    for (let index = 0; index < 150_000; index += 1) {
      const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
      await throttle.admit(`user${index}@example.com`, address);
    }
    expect(counters.size).toBeGreaterThan(3 * 55_000);
    expect(counters.size).toBeLessThanOrEqual(3 * 65_536);
    await counters.close();
    expect(counters.size).toBe(0);
  });

  it('is freed after each window, and after a close', async () => {
    const counters = new MemoryCounters(LIMITS);
    const throttle = openOver(counters);
    await guess(throttle, repeat(100, addresses(100)), true);
    expect(counters.size).toBe(201);
    await vi.advanceTimersByTimeAsync(LIMITS.window);
    expect(counters.size).toBe(0);
    await logIn(throttle, ALICE, ATTACKER);
    await vi.advanceTimersByTimeAsync(0);
    expect(counters.size).toBe(4);
    await Promise.all([counters.close(), throttle.close()]);
    expect([counters.size, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('can keep no window that is longer than timers', () => {
    expect(() => open({ window: 2 ** 31 })).toThrow('expected a window of at most 2147483647 ms');
  });

  it('with timers does not keep the process alive', () => {
    const path = 'node_modules/rate-limiter-flexible/lib/RateLimiterMemory.js';
    const code = `new (require(${JSON.stringify(`./${path}`)}))({ points: 1, duration: 600 }).consume('a')`;
    execFileSync(process.execPath, ['-e', code], { timeout: 30_000 });
  });
});
