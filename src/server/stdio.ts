import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Framing } from '../protocol/framing.js';
import { Responder, type Decide, type Observer, type Reply } from './responder.js';

/** Above so many unanswered requests nothing more is read, so that a flood of them waits in the pipe, not in memory. */
const MAX_UNANSWERED = 1024;
/** A chunk is taken in pieces of this size: it can hold as many requests as bytes. */
const PIECE_BYTES = 4096;
/** How long a reader that does not read is waited for at the end. */
const LAST_ANSWERS_MILLISECONDS = 1000;

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
 * @returns once all that was read is answered; where it was told to stop, a second later at the latest
 */
export async function serveStdio(options: StdioOptions): Promise<void> {
  const { input, output, framing, decide, observer, stop } = options;
  const reply: Reply = {
    send: (answer) => {
      output.write(answer);
      return true;
    },
  };
  const responder = new Responder({ framing, decide, observer, openReply: () => reply });
  let taken = Promise.resolve();
  input.on('data', (chunk: Buffer) => {
    taken = take(chunk, responder, options);
  });
  await ended(options);
  input.destroy();
  const allAnswered = taken.then(() => responder.answered).then(() => flushed(output));
  await Promise.race(stop.aborted ? [allAnswered, delay(LAST_ANSWERS_MILLISECONDS)] : [allAnswered]);
}

/** Takes a chunk; where that makes too many unanswered requests or unread answers, reads nothing more until they are fewer. */
async function take(chunk: Buffer, responder: Responder, { input, output }: StdioOptions): Promise<void> {
  for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
    responder.receive(chunk.subarray(from, from + PIECE_BYTES));
    if (responder.unanswered <= MAX_UNANSWERED && !output.writableNeedDrain) continue;
    input.pause();
    await responder.answered;
    await drained(output);
  }
  input.resume();
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

function flushed(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    // Called with an error where nobody takes the answers any more.
    output.write('', () => {
      resolve();
    });
  });
}

function drained(output: Writable): Promise<void> {
  if (!output.writableNeedDrain || output.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    for (const event of ['drain', 'error', 'close']) output.once(event, resolve);
  });
}
