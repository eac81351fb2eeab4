import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEVIATION_STEPS, OtpSeed } from '../../src/credential/otp.js';
import { MemoryRecord } from '../../src/replay/memory-record.js';

describe('MemoryRecord', () => {
  it('lets a credential be claimed once, whatever else is claimed', async () => {
    const record = new MemoryRecord();
    const a = { id: 'a', step: 100 };
    const b = { id: 'b', step: 101 };
    const claims = [await record.claim(a, 100), await record.claim(b, 101), await record.claim(a, 101)];
    expect(claims).toEqual(['claimed', 'claimed', 'replayed']);
  });

  it('gives one of many simultaneous claims the credential', async () => {
    const record = new MemoryRecord();
    const claims = await Promise.all(
      Array.from({ length: 100 }, () => record.claim({ id: 'a', step: 1 }, 1)),
    );
    expect(claims.filter((claim) => claim === 'claimed')).toHaveLength(1);
  });

  it('does not take back what it forgot when the clock is set back', async () => {
    const record = new MemoryRecord();
    const a = { id: 'a', step: 100 };
    await record.claim(a, 100);
    await record.claim({ id: 'b', step: 220 }, 220);
    expect(record.size).toBe(1);
    expect(await record.claim(a, 100)).toBe('before-horizon');
  });

  it('serves as before once a clock that was an hour ahead is right again', async () => {
    const record = new MemoryRecord();
    await record.claim({ id: 'a', step: 100 }, 100);
    await record.claim({ id: 'b', step: 220 }, 220);
    expect(await record.claim({ id: 'c', step: 101 }, 101)).toBe('claimed');
    expect(await record.claim({ id: 'b', step: 220 }, 220)).toBe('replayed');
  });

  it('serves as before once a clock that was an hour behind is right again', async () => {
    const record = new MemoryRecord();
    await record.claim({ id: 'a', step: 220 }, 220);
    await record.claim({ id: 'b', step: 100 }, 100);
    expect(await record.claim({ id: 'a', step: 220 }, 220)).toBe('replayed');
    expect(await record.claim({ id: 'c', step: 220 }, 220)).toBe('claimed');
  });

  it('serves as before once a clock that was a year ahead is right again', async () => {
    const record = new MemoryRecord();
    const year = 365 * 24 * 120;
    await record.claim({ id: 'a', step: 100 }, 100);
    for (let step = year; step < year + 50; step += 1) await record.claim({ id: `far ${step}`, step }, step);
    expect(await record.claim({ id: 'a', step: 100 }, 101)).toBe('before-horizon');
    expect(await record.claim({ id: 'b', step: 110 }, 110)).toBe('claimed');
    expect(await record.claim({ id: `far ${year}`, step: year }, year)).toBe('before-horizon');
  });

  it('knows a credential whose OTP is that of the next step, too, as long as it is valid without a break', async () => {
    // These two steps of this seed have the same OTP, by chance.
    const [seed, first] = [new OtpSeed('IEQH746YNG7BY3A4ROGUBBBAYN3BO47O'), 51316009];
    const otp = seed.generate(first);
    expect(seed.generate(first + 1)).toBe(otp);
    const record = new MemoryRecord();
    const claims: unknown[] = [];
    for (let current = first - 1; current <= first + 2; current += 1) {
      const step = seed.findStep(otp, current * 30_000);
      if (step !== undefined) claims.push(await record.claim({ id: 'a', step }, current));
    }
    expect(claims).toEqual(['claimed', 'replayed', 'replayed', 'replayed']);
  });

  it('holds no more than what is still valid', async () => {
    const record = new MemoryRecord();
    for (let step = 0; step < 10_000; step += 1) {
      for (const id of ['a', 'b']) await record.claim({ id: `${id}${step}`, step }, step);
      expect(record.size).toBeLessThanOrEqual(10);
    }
  });

  it('accepts nothing twice, in any order, with any clock', async () => {
    const use = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      step: fc.integer({ min: 0, max: 12 }),
      deviation: fc.integer({ min: -DEVIATION_STEPS, max: DEVIATION_STEPS }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(use, { maxLength: 60 }), async (uses) => {
        const record = new MemoryRecord();
        const claimed = new Set<string>();
        for (const { id, step, deviation } of uses) {
          const name = `${id} of ${step}`;
          const claim = await record.claim({ id: name, step }, step + deviation);
          if (claim === 'claimed') expect(claimed).not.toContain(name);
          if (claim === 'replayed') expect(claimed).toContain(name);
          if (claim === 'claimed') claimed.add(name);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
