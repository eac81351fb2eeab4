import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEVIATION_STEPS, OtpSeed } from '../../../src/credential/otp.js';
import { MemoryReplayCache } from '../../../src/replay/memory/memory-cache.js';

describe('MemoryRecord', () => {
  it('lets a credential be claimed once, whatever else is claimed', async () => {
    const cache = new MemoryReplayCache();
    const a = { id: 'a', timeStep: 100 };
    const b = { id: 'b', timeStep: 101 };
    const consumes = [await cache.consume(a, 100), await cache.consume(b, 101), await cache.consume(a, 101)];
    expect(consumes).toEqual(['consumed', 'consumed', 'replayed']);
  });

  it('gives one of many simultaneous claims the credential', async () => {
    const cache = new MemoryReplayCache();
    const consumes = await Promise.all(
      Array.from({ length: 100 }, () => cache.consume({ id: 'a', timeStep: 1 }, 1)),
    );
    expect(consumes.filter((consume) => consume === 'consumed')).toHaveLength(1);
  });

  it('does not take back what it forgot when the clock is set back', async () => {
    const cache = new MemoryReplayCache();
    const a = { id: 'a', timeStep: 100 };
    await cache.consume(a, 100);
    await cache.consume({ id: 'b', timeStep: 220 }, 220);
    expect(cache.size).toBe(1);
    expect(await cache.consume(a, 100)).toBe('replay-unknown');
  });

  it('serves as before once a clock that was an hour ahead is right again', async () => {
    const cache = new MemoryReplayCache();
    await cache.consume({ id: 'a', timeStep: 100 }, 100);
    await cache.consume({ id: 'b', timeStep: 220 }, 220);
    expect(await cache.consume({ id: 'c', timeStep: 101 }, 101)).toBe('consumed');
    expect(await cache.consume({ id: 'b', timeStep: 220 }, 220)).toBe('replayed');
  });

  it('serves as before once a clock that was an hour behind is right again', async () => {
    const cache = new MemoryReplayCache();
    await cache.consume({ id: 'a', timeStep: 220 }, 220);
    await cache.consume({ id: 'b', timeStep: 100 }, 100);
    expect(await cache.consume({ id: 'a', timeStep: 220 }, 220)).toBe('replayed');
    expect(await cache.consume({ id: 'c', timeStep: 220 }, 220)).toBe('consumed');
  });

  it('serves as before once a clock that was a year ahead is right again', async () => {
    const cache = new MemoryReplayCache();
    const year = 365 * 24 * 120;
    await cache.consume({ id: 'a', timeStep: 100 }, 100);
    for (let timeStep = year; timeStep < year + 50; timeStep += 1)
      await cache.consume({ id: `far ${timeStep}`, timeStep }, timeStep);
    expect(await cache.consume({ id: 'a', timeStep: 100 }, 101)).toBe('replay-unknown');
    expect(await cache.consume({ id: 'b', timeStep: 110 }, 110)).toBe('consumed');
    expect(await cache.consume({ id: `far ${year}`, timeStep: year }, year)).toBe('replay-unknown');
  });

  it('knows a credential whose OTP is that of the next step, too, as long as it is valid without a break', async () => {
    // These two steps of this seed have the same OTP, by chance.
    const [seed, first] = [new OtpSeed('IEQH746YNG7BY3A4ROGUBBBAYN3BO47O'), 51316009];
    const otp = seed.generate(first);
    expect(seed.generate(first + 1)).toBe(otp);
    const cache = new MemoryReplayCache();
    const consumes: unknown[] = [];
    for (let current = first - 1; current <= first + 2; current += 1) {
      const timeStep = seed.findTimeStep(otp, current * 30_000);
      if (timeStep !== undefined) consumes.push(await cache.consume({ id: 'a', timeStep }, current));
    }
    expect(consumes).toEqual(['consumed', 'replayed', 'replayed', 'replayed']);
  });

  it('holds no more than what is still valid', async () => {
    const cache = new MemoryReplayCache();
    for (let timeStep = 0; timeStep < 10_000; timeStep += 1) {
      for (const id of ['a', 'b']) await cache.consume({ id: `${id}${timeStep}`, timeStep }, timeStep);
      expect(cache.size).toBeLessThanOrEqual(10);
    }
  });

  it('accepts nothing twice, in any order, with any clock', async () => {
    const use = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      timeStep: fc.integer({ min: 0, max: 12 }),
      deviation: fc.integer({ min: -DEVIATION_STEPS, max: DEVIATION_STEPS }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(use, { maxLength: 60 }), async (uses) => {
        const cache = new MemoryReplayCache();
        const consumed = new Set<string>();
        for (const { id, timeStep, deviation } of uses) {
          const name = `${id} of ${timeStep}`;
          const consume = await cache.consume({ id: name, timeStep }, timeStep + deviation);
          if (consume === 'consumed') expect(consumed).not.toContain(name);
          if (consume === 'replayed') expect(consumed).toContain(name);
          if (consume === 'consumed') consumed.add(name);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
