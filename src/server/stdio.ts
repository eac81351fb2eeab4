import type { Readable, Writable } from 'node:stream';
import type { Framing } from '../protocol/framing.js';
import { Responder, type Decide, type Observer, type Reply } from './responder.js';

/** Above so many unanswered requests nothing more is read, so that a flood of them waits in the pipe, not in memory. */
const MAX_UNANSWERED = 1024;

/** What {@link serveStdio} works with. */
export interface StdioOptions {
  readonly input: Readable;
  readonly output: Writable;
  readonly framing: Framing;
  readonly decide: Decide;
  readonly observer: Observer;
  /** Aborted when no more requests are to be read. */
  readonly stop: AbortSignal;
}

/**
 * Answers requests from a stream until it ends, until nobody takes the answers any more, or until it is told to stop.
 *
 * @returns once all that was read is answered
 */
export async function serveStdio(options: StdioOptions): Promise<void> {
  const { input, output, framing, decide, observer } = options;
  const reply: Reply = {
    send: (answer) => {
      output.write(answer);
      return true;
    },
  };
  const responder = new Responder({ framing, decide, observer, openReply: () => reply });
  input.on('data', (chunk: Buffer) => {
    responder.receive(chunk);
    if (responder.unanswered <= MAX_UNANSWERED && !output.writableNeedDrain) return;
    input.pause();
    void responder.answered.then(() => drained(output)).then(() => input.resume());
  });
  await ended(options);
  input.destroy();
  await responder.answered;
  await drained(output);
}

/** End of input inside a request is an end like any other: what was not asked whole is not answered. */
function ended({ input, output, stop }: StdioOptions): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      resolve();
    };
    // EIO: the other end of a terminal is gone. EPIPE: nobody reads the answers. Both are the server's way of leaving.
    for (const event of ['end', 'error', 'close']) input.on(event, done);
    for (const event of ['error', 'close']) output.on(event, done);
    stop.addEventListener('abort', done);
  });
}

function drained(output: Writable): Promise<void> {
  if (!output.writableNeedDrain || output.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    for (const event of ['drain', 'error', 'close']) output.once(event, resolve);
  });
}
