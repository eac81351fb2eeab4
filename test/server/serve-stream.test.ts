import { PassThrough, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { refused } from '../../src/authenticator/authenticator.js';
import { lines } from '../../src/protocol/lines.js';
import type { Decide, Observer } from '../../src/server/responder.js';
import { serveStream } from '../../src/server/serve-stream.js';
import { RequestBudget } from '../../src/server/request-budget.js';

const observer: Observer = {
  decided: () => undefined,
  failed: () => undefined,
  unanswered: () => undefined,
  incomplete: () => undefined,
};

/** A reader that takes an answer only when it is told to. */
class SlowReader extends Writable {
  answers = 0;
  #release: (() => void)[] = [];
  #isOpen = false;

  constructor() {
    super({ highWaterMark: 16 });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.answers += chunk.length / lines.answers.no.length;
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
  decide: Decide,
): { input: PassThrough; stop: AbortController; end: Promise<void> } {
  const input = new PassThrough();
  const stop = new AbortController();
  return {
    input,
    stop,
    end: serveStream({
      input,
      output,
      framing: lines,
      decide,
      observer,
      budget: new RequestBudget(),
      stop: stop.signal,
    }),
  };
}

const refuse: Decide = () => Promise.resolve(refused('unknown-host'));

describe('converse', () => {
  it('reads no more requests than it may hold while nobody reads the answers', async () => {
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

  it('ends only when all that was read is answered', async () => {
    const output = new SlowReader();
    output.open();
    const { input, end } = start(output, async (request) => {
      await sleep(50);
      return refuse(request);
    });
    input.end('a\nb\nc\n');
    await end;
    expect(output.answers).toBe(3);
  });

  it('answers what was read when it is told to stop', async () => {
    const output = new SlowReader();
    output.open();
    const { input, stop, end } = start(output, async (request) => {
      await sleep(50);
      return refuse(request);
    });
    input.write('a\nb\n');
    await sleep(10);
    stop.abort();
    await end;
    expect(output.answers).toBe(2);
  });

  it('does not wait for ever for a reader that does not read, when it is told to stop', async () => {
    const { input, stop, end } = start(new SlowReader(), refuse);
    input.write(Buffer.alloc(50_000, '\n'));
    await sleep(10);
    stop.abort();
    await end;
  });

  it('ends at once where it was told to stop before it began', async () => {
    const stop = AbortSignal.abort();
    const streams = { input: new PassThrough(), output: new SlowReader() };
    streams.output.open();
    await serveStream({
      ...streams,
      framing: lines,
      decide: refuse,
      observer,
      budget: new RequestBudget(),
      stop,
    });
  });
});
