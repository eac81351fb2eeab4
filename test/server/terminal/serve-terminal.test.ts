import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CompletedRequest, Decision } from '../../../src/authenticator/decision.js';
import type { RequestHandler } from '../../../src/server/responder.js';
import type { Sight } from '../../../src/server/terminal/answer-policy.js';
import { serveTerminal, type TerminalOptions } from '../../../src/server/terminal/serve-terminal.js';

type Decide = RequestHandler['decide'];

const accept: Decide = () => Promise.resolve({ outcome: 'accepted' });
const never: Decide = () => new Promise(() => undefined);

interface Started {
  readonly input: PassThrough;
  /** What was written to the terminal. */
  readonly answers: string[];
  /** The outcome, reason and JID of each completed request. */
  readonly completed: string[];
  readonly server: { sight: Sight };
  /** Advances the clock, as if the process had been stopped meanwhile. */
  readonly advance: (milliseconds: number) => void;
  readonly served: Promise<void>;
}

/** Serves a terminal whose server is seen waiting, unless a test changes that. */
function start(options: Partial<TerminalOptions> & { decide: Decide }): Started {
  const input = new PassThrough();
  const [answers, completed]: [string[], string[]] = [[], []];
  const onCompleted = ({ outcome, reason, context }: CompletedRequest): unknown =>
    completed.push([outcome, reason, context.jid].filter((text) => text !== undefined).join(' '));
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
    onCompleted,
    answerWithin: () => 1000,
    drainedAt: clock(),
    startsInRequest: false,
    isOrphaned: () => false,
    stop: new AbortController().signal,
    ...options,
  });
  return { input, answers, completed, server, advance: (milliseconds) => (skipped += milliseconds), served };
}

describe('serveTerminal', () => {
  it('answers a request', async () => {
    const { input, answers, completed } = start({ decide: accept });
    input.write('isuser:a:b\n');
    await expect.poll(() => answers).toEqual(['yes']);
    expect(completed).toEqual(['accepted a@b']);
  });

  it('refuses a request that cannot be decided, and reports whom it is about', async () => {
    const { input, answers, completed } = start({ decide: () => Promise.reject(new Error('broken')) });
    input.write('isuser:a:b\n');
    await expect.poll(() => answers).toEqual(['no']);
    expect(completed).toEqual(['refused internal-error a@b']);
  });

  it('answers when the server waits', async () => {
    const { input, answers, server } = start({ decide: accept });
    server.sight = 'unclear';
    input.write('isuser:a:b\n');
    await sleep(20);
    expect(answers).toEqual([]);
    server.sight = 'waiting';
    await expect.poll(() => answers).toEqual(['yes']);
  });

  it('leaves a request unanswered that may be too old, and answers again after the input was drained', async () => {
    const { input, answers, completed, advance } = start({ decide: accept });
    await sleep(300);
    advance(5000);
    input.write('isuser:a:b\n');
    await expect.poll(() => completed).toEqual(['unanswered deadline-exceeded a@b']);
    await sleep(300);
    input.write('isuser:a:b\n');
    await expect.poll(() => completed).toEqual(['unanswered deadline-exceeded a@b', 'accepted a@b']);
    expect(answers).toEqual(['yes']);
  });

  it('leaves a request unanswered if the process was suspended before the answer', async () => {
    let decided: ((decision: Decision) => void) | undefined;
    const { input, answers, completed, advance } = start({
      decide: () => new Promise((resolve) => (decided = resolve)),
    });
    input.write('isuser:a:b\n');
    await expect.poll(() => decided).toBeDefined();
    advance(5000);
    decided?.({ outcome: 'accepted' });
    await expect.poll(() => completed).toEqual(['unanswered deadline-exceeded a@b']);
    expect(answers).toEqual([]);
  });

  it('leaves only the request unanswered that waits for a store that hangs', async () => {
    let requests = 0;
    const { input, answers, completed } = start({
      decide: (request) => ((requests += 1) === 1 ? never(request) : accept(request)),
    });
    input.write('isuser:a:b\n');
    await expect.poll(() => completed).toEqual(['unanswered deadline-exceeded a@b']);
    input.write('isuser:a:b\n');
    await expect.poll(() => answers).toEqual(['yes']);
  });

  it('ends when the server is gone', async () => {
    const { input, served } = start({ decide: accept, isOrphaned: () => true });
    await served;
    expect(input.destroyed).toBe(true);
  });

  it('answers the last request before it stops', async () => {
    const stop = new AbortController();
    let isRead = false;
    const slow: Decide = async (request) => {
      isRead = true;
      await sleep(100);
      return accept(request);
    };
    const { input, answers, served } = start({ decide: slow, stop: stop.signal });
    input.write('isuser:a:b\n');
    await expect.poll(() => isRead, { interval: 1 }).toBe(true);
    stop.abort();
    await served;
    expect(answers).toEqual(['yes']);
  });
});
