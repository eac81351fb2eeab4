import { describe, expect, it } from 'vitest';
import { Authenticator } from '../../src/authenticator/authenticator.js';
import type { Configuration } from '../../src/config/configuration.js';
import { CurrentAuthenticator } from '../../src/daemon/current-authenticator.js';
import { parseRequest, type Request } from '../../src/protocol/request.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import { createUserPolicy } from '../../src/users/user-policy.js';
import { key, named, NOW } from '../support/keys.js';
import { policyBase } from '../support/user-policy.js';

const NO_CONFIGURATION = { outcome: 'refused', reason: 'no-configuration' };
const valid: Configuration = {
  file: '/etc/xtokend/xtokend.toml',
  hosts: { names: undefined, keys: [], passwords: [], all: [], of: () => undefined },
  replay: { kind: 'memory', afterRestart: 'accept' },
  log: { target: { kind: 'stderr' }, format: 'plain', level: 'info', clientAddress: true },
  metrics: undefined,
  answerWithin: 4000,
  secretFiles: [],
  appPasswordFiles: [],
  programs: [],
  files: [],
  advice: [],
};
const policy = createUserPolicy({
  users: 'any',
  allowed: undefined,
  blocked: undefined,
  ...policyBase,
});
const users = new Authenticator({
  hostOf: () => ({ keys: [named('default', key)], users: policy }),
  replay: new MemoryReplayCache(),
  clock: () => NOW,
});
const request: Request = parseRequest(Buffer.from('isuser:alice:example.com'), 'stdin');

function subject(load: () => Promise<Configuration>): {
  authenticator: CurrentAuthenticator;
  events: string[];
} {
  const events: string[] = [];
  const authenticator = new CurrentAuthenticator({
    load,
    apply: () => {
      events.push('applied');
      return Promise.resolve(users);
    },
    onError: (reason, isServing) => events.push(`${reason}${isServing ? ', keeping the previous one' : ''}`),
  });
  return { authenticator, events };
}

describe('CurrentAuthenticator', () => {
  it('refuses requests while the configuration is invalid, and applies the corrected one', async () => {
    const outcomes = [new Error('a'), new Error('a'), new Error('b'), valid];
    const { authenticator, events } = subject(() => {
      const outcome = outcomes.shift();
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome ?? valid);
    });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await authenticator.decide(request)).toEqual(NO_CONFIGURATION);
    }
    expect(await authenticator.decide(request)).toMatchObject({ outcome: 'accepted' });
    expect(events).toEqual(['a', 'b', 'applied']);
  });

  it('reads the configuration once for concurrent requests', async () => {
    let reads = 0;
    const { authenticator } = subject(() => {
      reads += 1;
      return Promise.resolve(valid);
    });
    const decisions = await Promise.all(Array.from({ length: 10 }, () => authenticator.decide(request)));
    expect(decisions.every(({ outcome }) => outcome === 'accepted')).toBe(true);
    expect(reads).toBe(1);
  });

  it('keeps the previous configuration if a reload fails, and reports that each time', async () => {
    const outcomes = [valid, new Error('a'), new Error('a'), valid];
    const { authenticator, events } = subject(() => {
      const outcome = outcomes.shift();
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome ?? valid);
    });
    await authenticator.load();
    expect(await authenticator.reload()).toBe('a');
    expect(await authenticator.decide(request)).toMatchObject({ outcome: 'accepted' });
    expect(await authenticator.reload()).toBe('a');
    expect(await authenticator.reload()).toBeUndefined();
    expect(events).toEqual([
      'applied',
      'a, keeping the previous one',
      'a, keeping the previous one',
      'applied',
    ]);
  });

  it('reads the configuration again if it is reloaded during a load', async () => {
    let reads = 0;
    const { authenticator } = subject(async () => {
      reads += 1;
      await new Promise(setImmediate);
      return valid;
    });
    const first = authenticator.load();
    await Promise.all([first, authenticator.reload(), authenticator.reload()]);
    expect(reads).toBe(3);
  });
});
