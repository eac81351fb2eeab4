import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../src/config/configuration.js';
import type { CompletedRequest } from '../../src/authenticator/decision.js';
import { countEntries } from '../../src/metrics/collectors.js';
import { Counts, DURATION_BOUNDS, Durations } from '../../src/metrics/instruments.js';
import { Measurements, type MeasuredStore } from '../../src/metrics/measurements.js';
import { cacheText } from '../../src/metrics/server.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import { key, named, NOW } from '../support/keys.js';

const ACCEPTED: CompletedRequest & { outcome: 'accepted' } = {
  outcome: 'accepted',
  context: { operation: 'auth', jid: 'alice@example.com', host: 'example.com', listener: 'stdin' },
  key: 'old',
  offset: -1,
  milliseconds: 0.2,
};

function configured(...ids: string[]): Configuration {
  const keys = ids.map((id) => named(id, key));
  return {
    hosts: { names: undefined, keys, all: [], passwords: [], of: () => undefined },
  } as unknown as Configuration;
}

describe('Counts', () => {
  it('counts by each label', () => {
    const counts = new Counts();
    counts.at('a').at('x').add();
    counts.at('a').at('x').add();
    counts.at('b').at('y');
    expect(counts.rows()).toEqual([
      { labels: ['a', 'x'], count: 2 },
      { labels: ['b', 'y'], count: 0 },
    ]);
  });
});

describe('Durations', () => {
  it('counts a duration in the first bucket whose bound it does not exceed', () => {
    const durations = new Durations();
    for (const milliseconds of [0, 0.05, 0.051, 5000, 5001]) durations.add(milliseconds);
    const counts = durations.cumulative();
    expect(counts).toHaveLength(DURATION_BOUNDS.length + 1);
    expect(counts.slice(0, 3)).toEqual([2, 3, 3]);
    expect(counts.slice(-2)).toEqual([4, 5]);
    expect(durations.sum).toBeCloseTo(10.001_101);
  });
});

describe('Measurements', () => {
  it('counts a token by key and outcome, and an accepted one by time step', () => {
    const measurements = new Measurements();
    measurements.countRequest(ACCEPTED);
    measurements.countRequest({ ...ACCEPTED, outcome: 'refused', reason: 'replayed' });
    measurements.countRequest({ ...ACCEPTED, outcome: 'refused', reason: 'wrong-otp', key: undefined });
    expect(measurements.requests.rows().map(({ labels }) => labels.join(' '))).toEqual([
      'auth accepted none',
      'auth refused replayed',
      'auth refused wrong-otp',
    ]);
    expect(measurements.outcomes).toEqual({ accepted: 1, refused: 2, unanswered: 0 });
    expect(measurements.keyUses.rows()).toEqual([
      { labels: ['old', 'accepted'], count: 1 },
      { labels: ['old', 'refused'], count: 1 },
    ]);
    expect(measurements.offsets.rows()).toEqual([{ labels: ['old', '-1'], count: 1 }]);
  });

  it('deletes the counts of a key that was removed from the configuration', () => {
    const measurements = new Measurements();
    for (const id of ['old', 'new']) measurements.countRequest({ ...ACCEPTED, key: id });
    measurements.setConfiguration(configured('new', 'newer'), NOW);
    expect(measurements.keyUses.rows()).toEqual([{ labels: ['new', 'accepted'], count: 1 }]);
    expect(measurements.offsets.rows()).toEqual([{ labels: ['new', '-1'], count: 1 }]);
  });

  it('keeps the same number of rows whatever the requests contain', () => {
    const measurements = new Measurements();
    for (let user = 0; user < 1000; user += 1) {
      const context = {
        ...ACCEPTED.context,
        jid: `${user}@${user}`,
        host: String(user),
        listener: `${user}`,
      };
      measurements.countRequest({ ...ACCEPTED, context });
    }
    expect(measurements.requests.rows()).toHaveLength(1);
    expect(measurements.requestDurations.size).toBe(1);
  });
});

describe('countEntries', () => {
  it('counts the current store, and returns nothing if it cannot be counted', async () => {
    const cache = new MemoryReplayCache();
    await cache.consume({ id: 'a', timeStep: 100 }, 100);
    let store: MeasuredStore | undefined;
    const count = countEntries(() => store);
    expect(await count()).toEqual([]);
    store = { kind: 'memory', cache };
    expect(await count()).toEqual([{ labels: { store: 'memory' }, value: 1 }]);
    const broken = Object.assign(new MemoryReplayCache(), { count: () => Promise.reject(new Error('gone')) });
    store = { kind: 'journal', cache: broken };
    expect(await count()).toEqual([]);
  });

  it('returns the previous count after one second', async () => {
    const cache = new MemoryReplayCache();
    let calls = 0;
    const slow = {
      count: () => {
        calls += 1;
        return calls === 1 ? Promise.resolve(7) : new Promise<number>(() => undefined);
      },
    };
    const store = { kind: 'journal', cache: Object.assign(cache, slow) } as const;
    const count = countEntries(() => store);
    const seven = [{ labels: { store: 'journal' }, value: 7 }];
    expect(await count()).toEqual(seven);
    expect(await Promise.all([count(), count()])).toEqual([seven, seven]);
    expect(calls).toBe(2);
  });
});

describe('cacheText', () => {
  it('renders at most once a second, for all callers', async () => {
    let now = 0;
    let made = 0;
    const render = cacheText(
      () => Promise.resolve(String((made += 1))),
      () => now,
    );
    expect(await Promise.all([render(), render()])).toEqual(['1', '1']);
    now = 999;
    expect(await render()).toBe('1');
    now = 1000;
    expect(await render()).toBe('2');
  });
});
