import { PassThrough, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { refused } from '../../src/authenticator/decision.js';
import { generic, NO } from '../../src/protocol/generic.js';
import { RequestBudget } from '../../src/server/request-budget.js';
import type { RequestHandler } from '../../src/server/responder.js';
import { serveStream } from '../../src/server/serve-stream.js';

/** A reader that reads nothing until it is opened. */
class SlowReader extends Writable {
  answers = 0;
  #release: (() => void)[] = [];
  #isOpen: boolean;

  constructor(isOpen = false) {
    super({ highWaterMark: 16 });
    this.#isOpen = isOpen;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.answers += chunk.length / NO.length;
    if (this.#isOpen) done();
    else this.#release.push(done);
  }

  open(): void {
    this.#isOpen = true;
    for (const done of this.#release.splice(0)) done();
  }
}

function start(
  output: Writable,
  decide: RequestHandler['decide'],
  stop = new AbortController(),
): { input: PassThrough; stop: AbortController; end: Promise<void> } {
  const input = new PassThrough();
  const end = serveStream({
    input,
    output,
    listener: 'stdin',
    protocol: generic,
    decide,
    onCompleted: () => undefined,
    budget: new RequestBudget(),
    stop: stop.signal,
  });
  return { input, stop, end };
}

const refuse: RequestHandler['decide'] = () => Promise.resolve(refused('unknown-host'));
const refuseLater: RequestHandler['decide'] = (request) => sleep(50).then(() => refuse(request));

afterEach(() => vi.useRealTimers());

describe('serveStream', () => {
  it('reads a bounded number of requests while nobody reads the answers', async () => {
    const output = new SlowReader();
    let decided = 0;
    const { input, end } = start(output, (request) => {
      decided += 1;
      return refuse(request);
    });
    input.end(Buffer.alloc(200_000, '\n'));
    await sleep(100);
    expect(decided).toBeLessThan(10_000);
    output.open();
    await end;
    expect(output.answers).toBe(200_000);
  });

  it('ends when all requests are answered', async () => {
    const output = new SlowReader(true);
    const { input, end } = start(output, refuseLater);
    input.end('a\nb\nc\n');
    await end;
    expect(output.answers).toBe(3);
  });

  it('answers the requests that it has read before it stops', async () => {
    const output = new SlowReader(true);
    let undecided = 0;
    const { input, stop, end } = start(output, (request) => {
      undecided += 1;
      return refuseLater(request);
    });
    input.write('isuser:a:b\nisuser:c:d\n');
    await expect.poll(() => undecided, { interval: 1 }).toBe(2);
    stop.abort();
    await end;
    expect(output.answers).toBe(2);
  });

  it('stops within a second if nobody reads the answers', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const output = new SlowReader();
    const { input, stop, end } = start(output, refuse);
    input.write(Buffer.alloc(50_000, '\n'));
    await sleep(10);
    stop.abort();
    await expect.poll(() => vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1000);
    await end;
    expect(output.answers).toBeLessThan(50_000);
  });

  it('ends at once if it was stopped before it started', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const stop = new AbortController();
    stop.abort();
    const output = new SlowReader(true);
    // It waits for no timer.
    await start(output, refuse, stop).end;
    expect(output.answers).toBe(0);
  });
});
