import { describe, expect, it } from 'vitest';
import { Authenticator } from '../../src/authenticator/authenticator.js';
import type { Configuration } from '../../src/config/configuration.js';
import { CurrentAuthenticator } from '../../src/daemon/current-authenticator.js';
import { parseRequest, type Request } from '../../src/protocol/request.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import { createUserPolicy } from '../../src/users/user-policy.js';
import { key, named, NOW } from '../support/keys.js';

const NO_CONFIGURATION = { accepted: false, reason: 'no-configuration', context: {} };
const good: Configuration = {
  file: '/etc/xtokend/xtokend.toml',
  hosts: { names: undefined, keys: [], all: [], of: () => undefined },
  replay: { kind: 'memory', afterRestart: 'accept' },
  log: { target: { kind: 'stderr' }, format: 'plain', level: 'info' },
  metrics: undefined,
  answerWithin: 4000,
  secretFiles: [],
  files: [],
  advice: [],
};
const policy = createUserPolicy({
  users: 'any',
  allowed: undefined,
  blocked: undefined,
  onWarning: () => undefined,
});
const users = new Authenticator({
  hostOf: () => ({ keys: [named('default', key)], users: policy }),
  replay: new MemoryReplayCache(),
  clock: () => NOW,
});
const request: Request = parseRequest(Buffer.from('isuser:alice:example.com'));

function subject(load: () => Promise<Configuration>): {
  authenticator: CurrentAuthenticator;
  events: string[];
} {
  const events: string[] = [];
  const authenticator = new CurrentAuthenticator({
    load,
    takeUp: () => {
      events.push('taken up');
      return Promise.resolve(users);
    },
    onError: (reason, isServing) => events.push(`${reason}${isServing ? ', the old one goes on' : ''}`),
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
      expect(await authenticator.decide(request)).toEqual(NO_CONFIGURATION);
    }
    expect(await authenticator.decide(request)).toMatchObject({ accepted: true });
    expect(events).toEqual(['a', 'b', 'taken up']);
  });

  it('reads the configuration once for requests that come together', async () => {
    let reads = 0;
    const { authenticator } = subject(() => {
      reads += 1;
      return Promise.resolve(good);
    });
    const decisions = await Promise.all(Array.from({ length: 10 }, () => authenticator.decide(request)));
    expect(decisions.every(({ accepted }) => accepted)).toBe(true);
    expect(reads).toBe(1);
  });

  it('goes on with the one from before where a reload finds a broken one, and says so each time', async () => {
    const outcomes = [good, new Error('a'), new Error('a'), good];
    const { authenticator, events } = subject(() => {
      const outcome = outcomes.shift();
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome ?? good);
    });
    await authenticator.load();
    expect(await authenticator.reload()).toBe('a');
    expect(await authenticator.decide(request)).toMatchObject({ accepted: true });
    expect(await authenticator.reload()).toBe('a');
    expect(await authenticator.reload()).toBeUndefined();
    expect(events).toEqual(['taken up', 'a, the old one goes on', 'a, the old one goes on', 'taken up']);
  });

  it('reads once more where it is told to reload while it reads', async () => {
    let reads = 0;
    const { authenticator } = subject(async () => {
      reads += 1;
      await new Promise(setImmediate);
      return good;
    });
    const first = authenticator.load();
    await Promise.all([first, authenticator.reload(), authenticator.reload()]);
    expect(reads).toBe(3);
  });
});
