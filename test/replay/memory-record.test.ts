import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEVIATION_STEPS } from '../../src/credential/otp.js';
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

  it('holds no more than what is still valid', async () => {
    const record = new MemoryRecord();
    for (let step = 0; step < 10_000; step += 1) {
      for (const id of ['a', 'b']) await record.claim({ id: `${id}${step}`, step }, step);
      expect(record.size).toBeLessThanOrEqual(2 * (2 * DEVIATION_STEPS + 1));
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
