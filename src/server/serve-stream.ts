import { performance } from 'node:perf_hooks';
import type { Readable, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Framing } from '../protocol/framing.js';
import { AnswerBatch } from './answer-batch.js';
import { ConnectionShare } from './connection-share.js';
import { isOthersTurn, nextSlice } from './event-loop-slices.js';
import { IncompleteRequestWatch } from './incomplete-request.js';
import type { RequestBudget } from './request-budget.js';
import { Responder, type Decide, type Observer, type Reply } from './responder.js';

/** A chunk is taken in pieces of this size: it can hold as many requests as bytes. */
const PIECE_BYTES = 512;
/** For so long one connection is served before others, and new connections, get their turn. */
const TURN_MILLISECONDS = 0.5;
/** While others wait, a connection gets so much of its requests decided in turn: about one login. */
const TURN_BYTES = 128;
/** How long the end takes at the most, where a reader does not read. */
const LAST_ANSWERS_MILLISECONDS = 1000;
/** How long at the end requests are still read of a client that has sent very many; the rest is for their answers. */
const LAST_REQUESTS_MILLISECONDS = 500;
/** Where a turn brings less, it has read all there was: libuv asks for so much at once. */
const FULL_READ_BYTES = 65_536;

/** What {@link serveStream} works with. */
export interface ServeStreamOptions {
  readonly input: Readable;
  /** Can be the same stream as the input: a socket. */
  readonly output: Writable;
  readonly framing: Framing;
  readonly decide: Decide;
  readonly observer: Observer;
  /** Shared by all connections of the process. */
  readonly budget: RequestBudget;
  /** Aborted when no more requests are to be read. */
  readonly stop: AbortSignal;
}

/**
 * Answers requests from a stream until it ends, until nobody takes the answers any more, or until it is told to stop.
 * Whoever gives up on a request must close the stream: its answer may still come.
 *
 * @returns once all that had come before it was told to stop is answered; at the latest a second after that
 */
export async function serveStream(options: ServeStreamOptions): Promise<void> {
  const { input, output, framing, decide, observer, budget, stop } = options;
  const answers = new AnswerBatch(output);
  const share = new ConnectionShare(budget);
  const reply = accountedReply(answers.reply, share);
  const responder = new Responder({ framing, decide, observer, reply });
  const incomplete = new IncompleteRequestWatch({ input, framing, responder, observer });
  const connection = { input, output, responder, share, incomplete };
  let taken = Promise.resolve();
  const onData = (chunk: Buffer): void => {
    taken = take(chunk, connection);
  };
  const close = (): void => {
    share.close();
  };
  output.on('close', close);
  input.on('data', onData);
  await ended(options);
  const stopReading = (): void => {
    input.off('data', onData).pause();
  };
  const lastAnswers = async (): Promise<void> => {
    if (stop.aborted) {
      // Whoever asks again as soon as there is an answer sees with it that this is the end.
      output.cork();
      await emptied(input, () => taken);
    }
    stopReading();
    output.uncork();
    await taken;
    await responder.answered;
    answers.flush();
    await flushed(output);
  };
  await orTooLate(lastAnswers(), stop);
  stopReading();
  incomplete.end();
  share.close();
  output.off('close', close);
  output.uncork();
}

/** An answered request makes room for another, also if nobody takes the answer any more. */
function accountedReply(reply: Reply, share: ConnectionShare): Reply {
  return {
    send: (answer) => {
      share.answered();
      return reply.send(answer);
    },
  };
}

/**
 * Whoever stops us wants nobody to lose a login: what lies in the socket already is read before it is closed. What comes
 * later is not waited for.
 */
async function emptied(input: Readable, taken: () => Promise<void>): Promise<void> {
  const enough = AbortSignal.timeout(LAST_REQUESTS_MILLISECONDS);
  let bytes = 0;
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
  };
  input.on('data', onData);
  do {
    bytes = 0;
    await taken();
    // The first turn resumes the stream where it was paused, the second one reads.
    await nextTurn();
    await nextTurn();
  } while (bytes >= FULL_READ_BYTES && !enough.aborted);
  input.off('data', onData);
}

/** Waits for the last answers, but no longer than a second after it was told to stop. */
function orTooLate(allAnswered: Promise<void>, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const hurry = (): void => {
      timer = setTimeout(done, LAST_ANSWERS_MILLISECONDS);
    };
    const done = (): void => {
      stop.removeEventListener('abort', hurry);
      clearTimeout(timer);
      resolve();
    };
    stop.addEventListener('abort', hurry);
    if (stop.aborted) hurry();
    void allAnswered.then(done);
  });
}

/** What the taking of a chunk works with. */
interface Connection extends Pick<ServeStreamOptions, 'input' | 'output'> {
  readonly responder: Responder;
  readonly share: ConnectionShare;
  readonly incomplete: IncompleteRequestWatch;
}

/** Takes a chunk. Reads nothing more while the budget, unread answers or other connections keep it from going on. */
async function take(
  chunk: Buffer,
  { input, output, responder, share, incomplete }: Connection,
): Promise<void> {
  incomplete.receive(chunk);
  let turnEnds = performance.now() + TURN_MILLISECONDS;
  let spentBytes = 0;
  // Nobody takes the answers of a connection that was closed; the rest of what it sent must not stay in memory.
  for (let from = 0; from < chunk.length && !output.destroyed; from += PIECE_BYTES) {
    for (const frame of responder.decode(chunk.subarray(from, from + PIECE_BYTES))) {
      if (!share.tryAdmit()) {
        input.pause();
        if (!(await share.admission())) return;
        spentBytes = Math.max(spentBytes, TURN_BYTES);
      }
      // The first request of a chunk is decided at once: who asks seldom doesn't wait for those who flood.
      while (spentBytes >= TURN_BYTES && isOthersTurn()) {
        input.pause();
        await nextSlice();
        spentBytes -= TURN_BYTES;
      }
      spentBytes += frame.length;
      responder.receiveFrame(frame);
    }
    const mayGoOn = from + PIECE_BYTES >= chunk.length || performance.now() < turnEnds;
    if (mayGoOn && !output.writableNeedDrain) continue;
    input.pause();
    await nextSlice();
    turnEnds = performance.now() + TURN_MILLISECONDS;
    if (!output.writableNeedDrain) continue;
    await responder.answered;
    await drained(output);
  }
  input.resume();
  incomplete.decoded();
}

/** End of input inside a request is an end like any other: what was not asked whole is not answered. */
function ended({ input, output, stop }: ServeStreamOptions): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stop.removeEventListener('abort', done);
      resolve();
    };
    // EIO: the other end of a terminal is gone. EPIPE: nobody reads the answers. Both are the server's way of leaving.
    for (const event of ['end', 'error', 'close']) input.on(event, done);
    for (const event of ['error', 'close']) output.on(event, done);
    stop.addEventListener('abort', done);
    if (stop.aborted) done();
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
  output.uncork();
  if (!output.writableNeedDrain || output.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const events = ['drain', 'error', 'close'];
    const done = (): void => {
      for (const event of events) output.off(event, done);
      resolve();
    };
    for (const event of events) output.on(event, done);
  });
}
