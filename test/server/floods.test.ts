import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { refused } from '../../src/authenticator/decision.js';
import { MAX_EXTRA_REQUESTS } from '../../src/server/request-budget.js';
import { temporaryDirectory } from '../support/directory.js';
import { ask, open, serve, serveWith } from '../support/daemon/served-sockets.js';

describe('serveSockets', () => {
  it('serves a client while others flood', async () => {
    const { paths, stop, end } = await serve(temporaryDirectory(), {});
    const flooded: number[] = [];
    const flooders = await Promise.all(Array.from({ length: 8 }, () => open(paths[0])));
    for (const socket of flooders) {
      socket.resume();
      socket.write(Buffer.alloc(4_000_000, '\n'));
    }
    const polite = await open(paths[0]);
    for (let count = 0; count < 10; count += 1) {
      polite.write('isuser:2:0\n');
      await once(polite, 'data');
      flooded.push(flooders.reduce((sum, { bytesRead }) => sum + bytesRead, 0));
    }
    // Each waits for its share of the flood, not for the flood.
    expect(flooded.at(-1)).toBeLessThan(8 * 4_000_000);
    stop.abort();
    await end;
  });

  it('holds no more requests than the budget allows, and serves others while a store hangs', async () => {
    const hostile = 100;
    const [requests, name] = [200, 'x'.repeat(1000)];
    let unanswered = 0;
    let most = 0;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const { paths } = await serveWith(async (request) => {
      if (!('user' in request) || request.user !== name) return { outcome: 'accepted' };
      unanswered += 1;
      most = Math.max(most, unanswered);
      await released;
      unanswered -= 1;
      return refused('unknown-user');
    });
    const floods = Array.from({ length: hostile }, () =>
      ask(paths[0], `isuser:${name}:example.com\n`.repeat(requests)),
    );
    await expect.poll(() => unanswered).toBe(hostile + MAX_EXTRA_REQUESTS);
    const honest = await open(paths[0]);
    for (let count = 0; count < 10; count += 1) {
      honest.write('isuser:alice:example.com\n');
      expect(String(await once(honest, 'data'))).toBe('1\n');
    }
    release();
    expect(await Promise.all(floods)).toEqual(Array(hostile).fill('0\n'.repeat(requests)));
    expect(most).toBe(hostile + MAX_EXTRA_REQUESTS);
  });
});
