import { describe, expect, it } from 'vitest';
import { BackendFaults } from '../../src/daemon/backend-faults.js';
import type { Log } from '../../src/log/log.js';
import type { BackendRequest } from '../../src/passwords/passwords.js';

interface Subject {
  readonly fail: (cause: string, backend?: BackendRequest['backend']) => void;
  readonly succeed: (backend?: BackendRequest['backend']) => void;
  readonly pass: (milliseconds: number) => void;
  readonly lines: string[];
}

function subject(): Subject {
  const lines: string[] = [];
  let now = 0;
  const log: Log = {
    close: () => Promise.resolve(),
    write: (level, message, fields = {}) => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    },
  };
  const { onRequest } = new BackendFaults(log, () => now);
  const request = { operation: 'auth', milliseconds: 1 } as const;
  return {
    fail: (cause, backend = 'http') => {
      onRequest({ ...request, backend, result: 'unavailable', cause });
    },
    succeed: (backend = 'http') => {
      onRequest({ ...request, backend, result: 'wrong' });
    },
    pass: (milliseconds) => (now += milliseconds),
    lines,
  };
}

const unavailable = (cause: string, backend = 'http'): string =>
  `error password back end unavailable ${JSON.stringify({ backend, cause })}`;

describe('BackendFaults', () => {
  it('logs each cause once for each back end, and the recovery', () => {
    const { fail, succeed, pass, lines } = subject();
    for (const cause of ['down', 'down', 'slow', 'down']) fail(cause);
    fail('down', 'command');
    pass(5000);
    succeed();
    succeed();
    expect(lines).toEqual([
      unavailable('down'),
      unavailable('slow'),
      unavailable('down', 'command'),
      'info password back end recovered {"backend":"http","failed":4}',
    ]);
    fail('down');
    expect(lines.at(-1)).toBe(unavailable('down'));
  });

  it('does not log a back end again and again that fails now and then', () => {
    const { fail, succeed, pass, lines } = subject();
    for (let count = 0; count < 100; count += 1) {
      fail('down');
      pass(100);
      succeed();
    }
    expect(lines).toEqual([unavailable('down')]);
  });

  it('logs a limited number of causes', () => {
    const { fail, lines } = subject();
    for (let count = 0; count < 100; count += 1) fail(`cause ${count}`);
    expect(lines).toHaveLength(10);
  });
});
