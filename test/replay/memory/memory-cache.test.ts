import { describe, expect, it } from 'vitest';
import { OtpSeed } from '../../../src/credential/otp.js';
import { MemoryReplayCache } from '../../../src/replay/memory/memory-cache.js';

describe('MemoryReplayCache', () => {
  it('refuses pruned tokens when the clock is set back', async () => {
    const cache = new MemoryReplayCache();
    const a = { id: 'a', timeStep: 100 };
    await cache.consume(a, 100);
    await cache.consume({ id: 'b', timeStep: 220 }, 220);
    expect(await cache.count()).toBe(1);
    expect(await cache.consume(a, 100)).toBe('replay-unknown');
  });

  it('accepts tokens again once a clock that was an hour ahead is right again', async () => {
    const cache = new MemoryReplayCache();
    await cache.consume({ id: 'a', timeStep: 100 }, 100);
    await cache.consume({ id: 'b', timeStep: 220 }, 220);
    expect(await cache.consume({ id: 'c', timeStep: 101 }, 101)).toBe('consumed');
    expect(await cache.consume({ id: 'b', timeStep: 220 }, 220)).toBe('replayed');
  });

  it('accepts tokens again once a clock that was an hour behind is right again', async () => {
    const cache = new MemoryReplayCache();
    await cache.consume({ id: 'a', timeStep: 220 }, 220);
    await cache.consume({ id: 'b', timeStep: 100 }, 100);
    expect(await cache.consume({ id: 'a', timeStep: 220 }, 220)).toBe('replayed');
    expect(await cache.consume({ id: 'c', timeStep: 220 }, 220)).toBe('consumed');
  });

  it('accepts tokens again once a clock that was a year ahead is right again', async () => {
    const cache = new MemoryReplayCache();
    const year = 365 * 24 * 120;
    await cache.consume({ id: 'a', timeStep: 100 }, 100);
    for (let timeStep = year; timeStep < year + 50; timeStep += 1)
      await cache.consume({ id: `far ${timeStep}`, timeStep }, timeStep);
    expect(await cache.consume({ id: 'a', timeStep: 100 }, 101)).toBe('replay-unknown');
    expect(await cache.consume({ id: 'b', timeStep: 110 }, 110)).toBe('consumed');
    expect(await cache.consume({ id: `far ${year}`, timeStep: year }, year)).toBe('replay-unknown');
  });

  it('refuses a used token whose OTP is also that of the next time step, for as long as it stays valid', async () => {
    // By chance, these two time steps of this seed have the same OTP.
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

  it('keeps no more than what can still be valid', async () => {
    const cache = new MemoryReplayCache();
    for (let timeStep = 0; timeStep < 10_000; timeStep += 1) {
      for (const id of ['a', 'b']) await cache.consume({ id: `${id}${timeStep}`, timeStep }, timeStep);
      expect(await cache.count()).toBeLessThanOrEqual(10);
    }
  });
});
