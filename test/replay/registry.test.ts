import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { mergeShapes, reportUnused, storeTypeOf } from '../../src/replay/registry.js';
import type { ReplayTable } from '../../src/replay/store.js';
import { redisSettings } from '../support/servers/redis.js';

const url = z.optional(z.string());
const stores = {
  memory: { shape: {} },
  journal: { shape: { path: url } },
  redis: { shape: { url, prefix: url } },
  postgresql: { shape: { url, schema: url } },
};

function problemsOf(table: ReplayTable): string[] {
  const problems: string[] = [];
  const addProblem = (setting: string, message: string): void => {
    problems.push(`${setting} ${message}`);
  };
  reportUnused(stores, table, { addProblem });
  return problems;
}

describe('the settings of two stores that share one', () => {
  it('are merged into one shape', () => {
    expect(Object.keys(mergeShapes(stores)).sort()).toEqual(['path', 'prefix', 'schema', 'url']);
  });

  it('cannot have two schemas for it', () => {
    const other = { ...stores, other: { shape: { url: z.optional(z.number()) } } };
    expect(() => mergeShapes(other)).toThrow('two schemas for replay.url');
  });

  it('are accepted with either store', () => {
    expect(problemsOf({ store: 'redis', url: 'x', prefix: 'x' })).toEqual([]);
    expect(problemsOf({ store: 'postgresql', url: 'x', schema: 'x', prefix: undefined })).toEqual([]);
  });

  it('are reported without effect if they belong to another store', () => {
    expect(problemsOf({ store: 'postgresql', prefix: 'x' })).toEqual(['prefix is for store = "redis" only']);
    expect(problemsOf({ path: 'x', url: 'x' })).toEqual(['url is for store = "redis" or "postgresql" only']);
  });
});

describe('a store', () => {
  it('needs the network if it is reached over TCP', () => {
    const needsNetwork = (address: string): boolean | undefined => {
      const settings = { kind: 'redis' as const, ...redisSettings(address) };
      return storeTypeOf(settings).needsNetwork?.(settings);
    };
    expect(needsNetwork('redis://127.0.0.1')).toBe(true);
    expect(needsNetwork('unix:/run/redis/redis.sock')).toBe(false);
  });
});
