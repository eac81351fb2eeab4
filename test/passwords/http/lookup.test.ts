import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { shareLookups } from '../../../src/passwords/http/lookup.js';

type Finish = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

const ADDRESSES = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
];

/** Resolves names when the test says so. */
class NameServer {
  readonly asked: string[] = [];
  readonly finish: Finish[] = [];
  readonly #resolve = shareLookups((name, _, callback) => {
    this.asked.push(name);
    this.finish.push(callback);
  });

  /** Returns the arguments of the callback. */
  resolve(name: string, options = { all: true }): Promise<unknown[]> {
    return new Promise((settle) => {
      this.#resolve(name, options, (...args) => {
        settle(args);
      });
    });
  }
}

describe('the lookup of a name', () => {
  it('is shared by all sockets that need the name', async () => {
    const server = new NameServer();
    const all = [server.resolve('a'), server.resolve('a'), server.resolve('a', { all: false })];
    await expect.poll(() => server.asked).toEqual(['a']);
    server.finish[0]?.(null, ADDRESSES);
    expect(await Promise.all(all)).toEqual([
      [null, ADDRESSES],
      [null, ADDRESSES],
      [null, '::1', 6],
    ]);
    void server.resolve('a');
    await expect.poll(() => server.asked).toEqual(['a', 'a']);
  });

  it('waits for that of another name', async () => {
    const server = new NameServer();
    const [first, second] = [server.resolve('a'), server.resolve('b')];
    await expect.poll(() => server.asked).toEqual(['a']);
    const error = Object.assign(new Error('dead'), { code: 'EAI_AGAIN' });
    server.finish[0]?.(error, []);
    expect((await first)[0]).toBe(error);
    await expect.poll(() => server.asked).toEqual(['a', 'b']);
    server.finish[1]?.(null, ADDRESSES);
    expect(await second).toEqual([null, ADDRESSES]);
  });
});
