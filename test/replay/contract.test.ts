import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DEVIATION_STEPS, timeStepAt } from '../../src/credential/otp.js';
import type { ReplayCache, TokenUse } from '../../src/replay/replay-cache.js';
import { contracts, type Subject } from '../support/stores.js';
import { tokenUse } from '../support/token-use.js';

/** Past the cache epoch of data that start now, by the clock tolerance of Redis and the deviation. */
const AHEAD = 4;
const present = (): number => timeStepAt(Date.now());
const fresh = (ahead = 0): TokenUse => tokenUse(randomUUID(), present() + ahead);

describe.each(contracts)('the store %s', (_, { start, isShared, runs }) => {
  let open: () => ReplayCache;

  function opener(subject: Subject): () => ReplayCache {
    return () => {
      const cache = subject.open();
      onTestFinished(() => cache.close());
      return cache;
    };
  }

  describe('with a cache epoch in the past', () => {
    beforeEach(async (context) => {
      open = opener(await start('past', context));
    });

    it('consumes a token once', async () => {
      const cache = open();
      const use = fresh();
      expect(await cache.consume(use, present())).toBe('consumed');
      expect(await cache.consume(use, present() + 1)).toBe('replayed');
      expect(await cache.consume({ ...use, timeStep: use.timeStep + 1 }, present())).toBe('consumed');
      expect(await cache.consume(fresh(), present())).toBe('consumed');
      expect(await cache.consume(use, present())).toBe('replayed');
    });

    it('consumes a token once for many concurrent requests', async () => {
      const caches = isShared ? [open(), open(), open()] : [open()];
      const use = fresh();
      const requests = Array.from({ length: 34 }, () => caches.map((cache) => cache.consume(use, present())));
      const results = await Promise.all(requests.flat());
      expect(results.filter((result) => result === 'consumed')).toHaveLength(1);
      expect(results.filter((result) => result === 'replayed')).toHaveLength(results.length - 1);
    });

    it('does not accept a used token again after its time step was pruned', async () => {
      const cache = open();
      const [first, second] = [fresh(), fresh(120)];
      expect(await cache.consume(first, first.timeStep)).toBe('consumed');
      expect(await cache.consume(second, second.timeStep)).toBe('consumed');
      await cache.close();
      for (const current of [second.timeStep, first.timeStep]) {
        expect(await (isShared ? open() : cache).consume(first, current)).not.toBe('consumed');
      }
    });

    it('refuses no new token, however few there are', async () => {
      const cache = open();
      let timeStep = present();
      for (let pair = 0; pair < 100; pair += 1) {
        timeStep += 3 + ((pair * 7) % 19);
        for (const own of [timeStep, timeStep - 1])
          expect(await cache.consume(tokenUse(`pair ${pair}`, own), timeStep)).toBe('consumed');
      }
    });

    it('counts its entries, if it can count', async () => {
      const cache = open();
      for (let count = 0; count < 3; count += 1) await cache.consume(fresh(), present());
      if (cache.count !== undefined) expect(await cache.count()).toBe(3);
    });

    it('accepts nothing twice, in any order, with any clock', async () => {
      const action = fc.record({
        id: fc.constantFrom('a', 'b', 'c'),
        offset: fc.integer({ min: -6, max: 6 }),
        deviation: fc.integer({ min: -DEVIATION_STEPS, max: DEVIATION_STEPS }),
      });
      const base = present();
      await fc.assert(
        fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
          const run = randomUUID();
          const cache = open();
          const consumed = new Set<string>();
          for (const { id, offset, deviation } of actions) {
            const use = tokenUse(`${run} ${id} ${offset}`, base + offset);
            const result = await cache.consume(use, use.timeStep + deviation);
            if (result === 'consumed') expect(consumed).not.toContain(use.id);
            if (result === 'replayed') expect(consumed).toContain(use.id);
            if (result === 'consumed') consumed.add(use.id);
          }
          await cache.close();
        }),
        { numRuns: runs },
      );
    });

    if (isShared) {
      it('is shared by all processes, over restarts', async () => {
        const [first, second] = [open(), open()];
        const use = fresh();
        expect(await first.consume(use, present())).toBe('consumed');
        expect(await second.consume(use, present())).toBe('replayed');
        await Promise.all([first.close(), second.close()]);
        expect(await open().consume(use, present())).toBe('replayed');
      });
    }
  });

  it('refuses tokens that could have been used before its cache epoch', async (context) => {
    open = opener(await start('now', context));
    const cache = open();
    for (const ahead of [-1, 0, 1])
      expect(await cache.consume(fresh(ahead), present())).toBe('replay-unknown');
    expect(await cache.consume(fresh(AHEAD), present())).toBe('consumed');
  });
});
