import { describe, expect, it, vi } from 'vitest';
import {
  PasswordBackendError,
  type BackendName,
  type PasswordBackend,
  type PasswordResult,
} from '../../src/passwords/backend.js';
import {
  ChecksInProgress,
  createPasswords,
  MAX_CHECKS,
  type BackendRequest,
  type Passwords,
} from '../../src/passwords/passwords.js';
import type { Throttle } from '../../src/passwords/throttle/throttle.js';
import { MAX_EXTRA_REQUESTS } from '../../src/server/request-budget.js';

const ALICE = { user: 'alice', host: 'example.com', password: 'right' };
const never = (): Promise<never> => new Promise(() => undefined);

/** Returns a back end with fixed answers. */
function backend(name: BackendName, verify: () => Promise<PasswordResult>): PasswordBackend {
  return {
    name,
    verify,
    isUser: async () => (await verify()) === 'accepted',
    close: () => Promise.resolve(),
  };
}

const answers = (name: BackendName, result: PasswordResult): PasswordBackend =>
  backend(name, () => Promise.resolve(result));
const fails = (name: BackendName, message = 'it is down'): PasswordBackend =>
  backend(name, () => Promise.reject(new PasswordBackendError(message)));

interface Subject extends Passwords {
  readonly requests: BackendRequest[];
  /** What became of each admitted attempt. */
  readonly attempts: string[];
}

function subject(backends: readonly PasswordBackend[], timeout = 5000, isAdmitted = true): Subject {
  const requests: BackendRequest[] = [];
  const attempts: string[] = [];
  const throttle = {
    admit: (jid: string, client: string | undefined) =>
      Promise.resolve(
        isAdmitted
          ? {
              succeeded: () => attempts.push(`${jid} ${String(client)} succeeded`),
              release: () => attempts.push(`${jid} ${String(client)} given back`),
            }
          : undefined,
      ),
  } as unknown as Throttle;
  const passwords = createPasswords({
    backends,
    throttle,
    timeout,
    inProgress: new ChecksInProgress(),
    onRequest: (request) => requests.push(request),
  });
  return { ...passwords, requests, attempts };
}

describe('createPasswords', () => {
  it.each([
    [['accepted'], undefined, 'app-passwords'],
    [['wrong'], 'wrong-password', undefined],
    [['disabled'], 'blocked-user', 'app-passwords'],
    [['unavailable'], 'password-backend-unavailable', undefined],
    [['wrong', 'accepted'], undefined, 'command'],
    [['unavailable', 'accepted'], undefined, 'command'],
    [['unavailable', 'wrong'], 'password-backend-unavailable', undefined],
    [['wrong', 'unavailable'], 'password-backend-unavailable', undefined],
    [['wrong', 'wrong', 'wrong'], 'wrong-password', undefined],
    [['disabled', 'accepted'], 'blocked-user', 'app-passwords'],
    [['unavailable', 'disabled'], 'blocked-user', 'command'],
  ] as const)('decides %j in order: %s', async (results, refusal, decidedBy) => {
    const names = ['app-passwords', 'command', 'http'] as const;
    const backends = results.map((result, index) => {
      const name = names[index] ?? 'http';
      return result === 'unavailable' ? fails(name) : answers(name, result);
    });
    expect(await subject(backends).verify(ALICE, undefined)).toEqual({ refusal, backend: decidedBy });
  });

  it('asks no further back end after a decision', async () => {
    const second = vi.fn(() => Promise.resolve('accepted' as const));
    await subject([answers('app-passwords', 'disabled'), backend('http', second)]).verify(ALICE, undefined);
    expect(second).not.toHaveBeenCalled();
  });

  it('never asks about an empty password', async () => {
    const passwords = subject([answers('command', 'accepted')]);
    expect(await passwords.verify({ ...ALICE, password: '' }, undefined)).toEqual({
      refusal: 'wrong-password',
    });
    expect(passwords.requests).toEqual([]);
  });

  it.each([
    [['accepted'], 'succeeded'],
    [['wrong', 'accepted'], 'succeeded'],
    [['unavailable', 'accepted'], 'succeeded'],
    [['wrong'], undefined],
    [['disabled'], undefined],
    [['wrong', 'unavailable'], undefined],
    [['unavailable', 'wrong'], undefined],
    [['unavailable', 'disabled'], undefined],
    [['unavailable'], 'given back'],
    [['unavailable', 'unavailable'], 'given back'],
  ] as const)('counts an attempt if a back end refuses the password: %j', async (results, fate) => {
    const backends = results.map((result) =>
      result === 'unavailable' ? fails('http') : answers('http', result),
    );
    const passwords = subject(backends);
    await passwords.verify(ALICE, '192.0.2.7');
    expect(passwords.attempts).toEqual(fate === undefined ? [] : [`alice@example.com 192.0.2.7 ${fate}`]);
  });

  it('asks no back end if the throttle refuses', async () => {
    const passwords = subject([answers('http', 'accepted')], 5000, false);
    expect(await passwords.verify(ALICE, undefined)).toEqual({ refusal: 'throttled' });
    expect(passwords.requests).toEqual([]);
  });

  it('gives up on a back end that ignores the timeout, and does not ask the next one', async () => {
    const next = vi.fn(() => Promise.resolve('accepted' as const));
    const passwords = subject([backend('command', never), backend('http', next)], 20);
    expect(await passwords.verify(ALICE, undefined)).toEqual({ refusal: 'password-backend-unavailable' });
    expect(next).not.toHaveBeenCalled();
    expect(passwords.requests).toMatchObject([
      { backend: 'command', operation: 'auth', result: 'unavailable' },
      { backend: 'http', operation: 'auth', result: 'unavailable' },
    ]);
    expect(passwords.requests[0]?.cause).toBe('no answer within 0.02 s, the timeout of passwords');
  });

  it('reports what a back end was waiting for at the timeout', async () => {
    const waits: PasswordBackend = {
      ...backend('http', never),
      verify: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(new PasswordBackendError('no answer in time, while waiting for the TLS handshake'));
          });
        }),
    };
    const passwords = subject([waits], 20);
    expect(await passwords.verify(ALICE, undefined)).toEqual({ refusal: 'password-backend-unavailable' });
    expect(passwords.requests[0]?.cause).toBe('no answer in time, while waiting for the TLS handshake');
  });

  it('refuses further passwords while too many are being checked, and leaves places for tokens', async () => {
    expect(MAX_CHECKS).toBeLessThan(MAX_EXTRA_REQUESTS);
    const passwords = subject([backend('command', never)], 300);
    const all = Array.from({ length: MAX_CHECKS }, (_, index) => passwords.verify(ALICE, `192.0.2.${index}`));
    expect(await passwords.verify(ALICE, '198.51.100.1')).toEqual({
      refusal: 'password-backend-unavailable',
    });
    expect(await passwords.isUser(ALICE)).toBe('password-backend-unavailable');
    expect(passwords.requests.map(({ cause }) => cause)).toEqual([
      expect.stringContaining('64 passwords are being checked already'),
      expect.stringContaining('64 passwords are being checked already'),
    ]);
    await Promise.all(all);
    expect(await subject([answers('command', 'accepted')]).isUser(ALICE)).toBe(true);
  });

  it.each<[string, (passwords: Passwords, index: number) => Promise<unknown>]>([
    ['a client', (passwords, index) => passwords.verify({ ...ALICE, user: `user${index}` }, '192.0.2.1')],
    ['a network', (passwords, index) => passwords.verify(ALICE, `2001:db8::${index}`)],
    ['a user without an address', (passwords) => passwords.verify(ALICE, undefined)],
    ['users who may exist', (passwords, index) => passwords.isUser({ ...ALICE, user: `user${index}` })],
  ])('leaves places for others if too many checks are for %s', async (_, check) => {
    const bobs: PasswordBackend = {
      ...backend('command', never),
      verify: ({ user }) => (user === 'bob' ? Promise.resolve('accepted') : never()),
    };
    const passwords = subject([bobs], 300);
    const checks = Array.from({ length: 2 * MAX_CHECKS }, (_, index) => check(passwords, index));
    const bob = await passwords.verify({ ...ALICE, user: 'bob' }, '198.51.100.1');
    expect(bob).toEqual({ refusal: undefined, backend: 'command' });
    await Promise.all(checks);
  });

  it('reports the message of no other error, which may contain the password', async () => {
    const passwords = subject([
      backend('command', () => Promise.reject(new TypeError('the value "right" is invalid'))),
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what a faulty library could do
      backend('http', () => Promise.reject('right')),
      fails('http', 'it is down'),
    ]);
    await passwords.verify(ALICE, undefined);
    expect(passwords.requests.map(({ cause }) => cause)).toEqual([
      'unexpected error (TypeError)',
      'unexpected error',
      'it is down',
    ]);
  });

  it.each([
    [['wrong', 'accepted'], true],
    [['wrong', 'wrong'], false],
    [['unavailable', 'accepted'], true],
    [['unavailable', 'wrong'], 'password-backend-unavailable'],
  ] as const)('knows a user if a back end does: %j', async (results, known) => {
    const backends = results.map((result) =>
      result === 'unavailable' ? fails('http') : answers('http', result),
    );
    expect(await subject(backends).isUser(ALICE)).toBe(known);
  });
});
