import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../src/authenticator/authenticator.js';
import type { Decide, Observer } from '../../../src/server/responder.js';
import type { Sight } from '../../../src/server/terminal/answer-policy.js';
import { serveTerminal, type TerminalOptions } from '../../../src/server/terminal/serve-terminal.js';

const accept: Decide = () => Promise.resolve({ accepted: true, context: { jid: 'a@b' } });
const never: Decide = () => new Promise(() => undefined);

interface Started {
  readonly input: PassThrough;
  /** What was written to the terminal, and what became of the requests. */
  readonly answers: string[];
  readonly events: string[];
  readonly server: { sight: Sight };
  /** Sets the clock on, as if the process had been stopped meanwhile. */
  readonly advance: (milliseconds: number) => void;
  readonly served: Promise<void>;
}

/** Serves a terminal whose server can be seen waiting, unless a test says otherwise. */
function start(options: Partial<TerminalOptions> & { decide: Decide }): Started {
  const input = new PassThrough();
  const [answers, events]: [string[], string[]] = [[], []];
  const observer: Observer = {
    decided: () => events.push('decided'),
    failed: () => events.push('failed'),
    unanswered: () => events.push('unanswered'),
    incomplete: () => events.push('incomplete'),
  };
  const server: { sight: Sight } = { sight: 'waiting' };
  let [skipped, read] = [0, 0];
  const clock = (): number => performance.now() + skipped;
  const served = serveTerminal({
    input,
    port: {
      read: () => (input.read() as Buffer | null) ?? Buffer.alloc(0),
      look: () => server.sight,
      traffic: () => ({ read, written: 0 }),
      write: (answer) => {
        read += 2;
        answers.push(answer);
      },
      clock,
    },
    observer,
    answerWithin: () => 1000,
    emptyAt: clock(),
    startsInRequest: false,
    isOrphaned: () => false,
    stop: new AbortController().signal,
    ...options,
  });
  return { input, answers, events, server, advance: (milliseconds) => (skipped += milliseconds), served };
}

describe('serveTerminal', () => {
  it('answers a request', async () => {
    const { input, answers, events } = start({ decide: accept });
    input.write('isuser:a:b\n');
    await expect.poll(() => answers).toEqual(['yes']);
    expect(events).toEqual(['decided']);
  });

  it('refuses a request that cannot be decided', async () => {
    const { input, answers, events } = start({ decide: () => Promise.reject(new Error('broken')) });
    input.write('isuser:a:b\n');
    await expect.poll(() => answers).toEqual(['no']);
    expect(events).toEqual(['failed']);
  });

  it('answers once the server waits', async () => {
    const { input, answers, server } = start({ decide: accept });
    server.sight = 'unclear';
    input.write('isuser:a:b\n');
    await sleep(20);
    expect(answers).toEqual([]);
    server.sight = 'waiting';
    await expect.poll(() => answers).toEqual(['yes']);
  });

  it('is silent about what may have waited too long, and answers again once it has seen that there is no input', async () => {
    const { input, answers, events, advance } = start({ decide: accept });
    await sleep(300);
    advance(5000);
    input.write('isuser:a:b\n');
    await expect.poll(() => events).toEqual(['unanswered']);
    await sleep(300);
    input.write('isuser:a:b\n');
    await expect.poll(() => events).toEqual(['unanswered', 'decided']);
    expect(answers).toEqual(['yes']);
  });

  it('is silent if it was stopped between the reading and the answer', async () => {
    let decided: (decision: Decision) => void = () => undefined;
    const { input, answers, events, advance } = start({
      decide: () => new Promise((resolve) => (decided = resolve)),
    });
    input.write('isuser:a:b\n');
    await sleep(50);
    advance(5000);
    decided({ accepted: true, context: { jid: 'a@b' } });
    await expect.poll(() => events).toEqual(['unanswered']);
    expect(answers).toEqual([]);
  });

  it('a store that hangs costs the request that waits for it, not the next one', async () => {
    let asked = 0;
    const { input, answers, events } = start({
      decide: (request) => ((asked += 1) === 1 ? never(request) : accept(request)),
    });
    input.write('isuser:a:b\n');
    await expect.poll(() => events).toEqual(['unanswered']);
    input.write('isuser:a:b\n');
    await expect.poll(() => answers).toEqual(['yes']);
  });

  it('ends when the server is gone', async () => {
    const { input, served } = start({ decide: accept, isOrphaned: () => true });
    await served;
    expect(input.destroyed).toBe(true);
  });

  it('ends when it is told to stop, and answers the last request before', async () => {
    const stop = new AbortController();
    const slow: Decide = async (request) => sleep(100).then(() => accept(request));
    const { input, answers, served } = start({ decide: slow, stop: stop.signal });
    input.write('isuser:a:b\n');
    await sleep(10);
    stop.abort();
    await served;
    expect(answers).toEqual(['yes']);
  });
});
