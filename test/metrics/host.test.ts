import { describe, expect, it } from 'vitest';
import type { MetricsAddress } from '../../src/config/metrics.js';
import { isOwnHost } from '../../src/metrics/server.js';

const at = (host: string, ...hosts: string[]): MetricsAddress => ({ host, port: 9477, hosts });

describe('isOwnHost', () => {
  it.each<[MetricsAddress, string[], (string | undefined)[]]>([
    [
      at('127.0.0.1'),
      ['127.0.0.1:9477', '127.0.0.1', 'localhost:9477', 'LOCALHOST', 'localhost.', '[::1]:9477', '127.1.2.3'],
      [
        'evil.example',
        '127.0.0.1.evil.example',
        '192.0.2.1',
        '0.0.0.0',
        '[::]',
        'x@localhost',
        '',
        undefined,
      ],
    ],
    [
      at('::1'),
      ['[::1]', '[::1]:9477', 'localhost:1'],
      ['::1', '[2001:db8::1]', '[evil.example]', 'evil.example:9477'],
    ],
    [
      at('localhost', 'metrics.internal'),
      ['localhost', 'metrics.internal:80', 'Metrics.Internal'],
      ['internal'],
    ],
    [
      at('0.0.0.0', 'metrics.internal'),
      ['192.0.2.1:9477', '[2001:db8::1]:9477', 'metrics.internal', 'localhost'],
      ['evil.example', 'metrics.internal.evil.example', 'metrics.internal:x', '1.2.3.4.5', undefined],
    ],
    [at('metrics.internal'), ['metrics.internal', '192.0.2.1'], ['evil.example']],
    [{ path: '/run/metrics.sock' }, ['anything', ''], []],
  ])('returns true only for names of the listener: %j', (address, own, others) => {
    for (const host of own) expect([host, isOwnHost(host, address)]).toEqual([host, true]);
    for (const host of others) expect([host, isOwnHost(host, address)]).toEqual([host, false]);
  });
});
