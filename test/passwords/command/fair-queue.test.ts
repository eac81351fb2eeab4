import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../../src/passwords/command/fair-queue.js';

interface Request {
  readonly origin: string;
  readonly name: string;
}

const request = (name: string): Request => ({ origin: name.slice(0, 1), name });

function queueOf(limit: number, ...names: readonly string[]): FairQueue<Request> {
  const queue = new FairQueue<Request>(limit);
  for (const name of names) queue.add(request(name), 'last');
  return queue;
}

/** Starts as many requests as possible, and ends each at once. */
function drain(queue: FairQueue<Request>): string[] {
  const names: string[] = [];
  for (let next = queue.start(); next !== undefined; next = queue.start()) {
    names.push(next.name);
    queue.end(next);
  }
  return names;
}

describe('FairQueue', () => {
  it('keeps the order of one origin', () => {
    expect(drain(queueOf(1, 'a1', 'a2', 'a3'))).toEqual(['a1', 'a2', 'a3']);
  });

  it('takes origins in turn', () => {
    expect(drain(queueOf(1, 'a1', 'a2', 'a3', 'b1', 'c1', 'b2'))).toEqual([
      ...['a1', 'b1', 'c1', 'a2', 'b2', 'a3'],
    ]);
  });

  it('starts no more requests of an origin than allowed, until one ends', () => {
    const queue = queueOf(2, 'a1', 'a2', 'a3', 'b1');
    const started = [queue.start(), queue.start(), queue.start(), queue.start()];
    expect(started.map((each) => each?.name)).toEqual(['a1', 'b1', 'a2', undefined]);
    expect(queue.size).toBe(1);
    queue.end(request('b1'));
    expect(queue.start()).toBeUndefined();
    queue.end(request('a1'));
    expect(queue.start()?.name).toBe('a3');
  });

  it('prefers the origin with the fewest requests in progress', () => {
    const queue = queueOf(3, 'a1', 'a2', 'b1');
    expect([queue.start()?.name, queue.start()?.name]).toEqual(['a1', 'b1']);
    queue.add(request('b2'), 'last');
    queue.end(request('b1'));
    expect(queue.start()?.name).toBe('b2');
  });

  it('can put a request first, and remove requests that wait', () => {
    const queue = queueOf(1, 'a1', 'a2');
    const again = request('a0');
    queue.add(again, 'first');
    expect(queue.remove(again)).toBe(true);
    expect(queue.remove(again)).toBe(false);
    queue.add(again, 'first');
    expect(queue.start()).toBe(again);
    expect(queue.removeAll().map(({ name }) => name)).toEqual(['a1', 'a2']);
    expect(queue.size).toBe(0);
  });
});
