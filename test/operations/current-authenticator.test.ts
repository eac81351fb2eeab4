import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../src/config/configuration.js';
import { CurrentAuthenticator } from '../../src/operations/current-authenticator.js';
import { parseRequest, type Request } from '../../src/protocol/request.js';
import { MemoryRecord } from '../../src/replay/memory-record.js';
import { key, NOW } from '../support/keys.js';

const good: Configuration = {
  file: '/etc/xtokend/xtokend.toml',
  keys: { hosts: undefined, keyOf: () => key },
  replay: { kind: 'memory', afterRestart: 'accept' },
  logTarget: { kind: 'stderr' },
  answerWithin: 4000,
  secretFiles: [],
  shortSeeds: [],
};
const request: Request = parseRequest(Buffer.from('isuser:alice:example.com'));

function subject(load: () => Promise<Configuration>): {
  authenticator: CurrentAuthenticator;
  events: string[];
} {
  const events: string[] = [];
  const authenticator = new CurrentAuthenticator({
    load,
    openRecord: () => Promise.resolve(new MemoryRecord()),
    clock: () => NOW,
    onLoaded: () => events.push('loaded'),
    onBroken: (error) => events.push(String(error)),
  });
  return { authenticator, events };
}

describe('CurrentAuthenticator', () => {
  it('refuses as long as the configuration is broken, and takes up the corrected one', async () => {
    const outcomes = [new Error('a'), new Error('a'), new Error('b'), good];
    const { authenticator, events } = subject(() => {
      const outcome = outcomes.shift();
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome ?? good);
    });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await authenticator.decide(request)).toEqual({ accepted: false, reason: 'no-configuration' });
    }
    expect(await authenticator.decide(request)).toMatchObject({ accepted: true });
    expect(events).toEqual(['Error: a', 'Error: b', 'loaded']);
  });

  it('reads the configuration once for requests that come together', async () => {
    let reads = 0;
    const { authenticator } = subject(() => {
      reads += 1;
      return Promise.resolve(good);
    });
    const verdicts = await Promise.all(Array.from({ length: 10 }, () => authenticator.decide(request)));
    expect(verdicts.every(({ accepted }) => accepted)).toBe(true);
    expect(reads).toBe(1);
  });
});
