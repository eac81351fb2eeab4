import { performance } from 'node:perf_hooks';
import type { Readable, Writable } from 'node:stream';
import { setImmediate as nextIteration } from 'node:timers/promises';
import type { Protocol } from '../protocol/protocol.js';
import { mustYield, nextSlice } from './event-loop.js';
import { IncompleteRequestWatch } from './incomplete-request.js';
import { ConnectionShare, type RequestBudget } from './request-budget.js';
import { AnswerBatch, Responder, type RequestHandler } from './responder.js';

/** A chunk is decoded in pieces of this size, as it can hold as many requests as bytes. */
const PIECE_BYTES = 512;
/** How long one connection is served before others, and new connections, are. */
const SERVE_MILLISECONDS = 0.5;
/** How many bytes of requests a connection gets decided in one slice while others wait: about one login. */
const SERVE_BYTES = 128;
/** How long to wait at the end for a client that does not read its answers. */
const LAST_ANSWERS_MILLISECONDS = 1000;
/** How long requests are still read at the end; the rest of the time is for their answers. */
const LAST_REQUESTS_MILLISECONDS = 500;
/** How many bytes libuv reads at once. Fewer mean that it has read all there was. */
const FULL_READ_BYTES = 65_536;

/** Options of {@link serveStream}. */
export interface ServeStreamOptions extends RequestHandler {
  readonly input: Readable;
  /** Can be the same stream as the input: a socket. */
  readonly output: Writable;
  /** The name of the listener, for the context of each request. */
  readonly listener: string;
  readonly protocol: Protocol;
  /** Shared by all connections of the process. */
  readonly budget: RequestBudget;
  /** Aborted when no more requests are to be read. */
  readonly stop: AbortSignal;
}

/**
 * Serves a stream until it ends, until the client no longer reads the answers, until it sends what can't be understood, or until
 * `stop` is aborted. A client that gives up on a request without an id must close the stream, as the answer can still come.
 *
 * @returns when all requests that arrived before the end are answered, at most a second after `stop`
 */
export async function serveStream(options: ServeStreamOptions): Promise<void> {
  const { input, output, budget, stop } = options;
  const answers = new AnswerBatch(output);
  const share = new ConnectionShare(budget);
  const reply = (answer: Buffer): boolean => {
    // Free the place even if the client is gone.
    share.answered();
    return answers.add(answer);
  };
  const responder = new Responder({ ...options, reply });
  const giveUp = new AbortController();
  const incomplete = new IncompleteRequestWatch({ ...options, responder, giveUp });
  let taken = Promise.resolve();
  const onData = (chunk: Buffer): void => {
    taken = take(chunk, { input, output, responder, share, incomplete, giveUp });
  };
  output.on('close', share.close);
  input.on('data', onData);
  await ended(options, [stop, giveUp.signal]);
  const stopReading = (): void => {
    input.off('data', onData).pause();
  };
  const lastAnswers = async (): Promise<void> => {
    if (stop.aborted) {
      // A client that sends its next request after an answer must see the end together with that answer.
      output.cork();
      await drainInput(input, () => taken);
    }
    stopReading();
    output.uncork();
    await taken;
    await responder.end();
    answers.flush();
    await flushed(output);
  };
  await withinDeadline(lastAnswers(), stop);
  stopReading();
  incomplete.end();
  share.close();
  output.off('close', share.close);
  output.uncork();
}

/** Reads what already lies in the socket, so that no login is lost. Does not wait for what comes later. */
async function drainInput(input: Readable, taken: () => Promise<void>): Promise<void> {
  const deadline = AbortSignal.timeout(LAST_REQUESTS_MILLISECONDS);
  let bytes = 0;
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
  };
  input.on('data', onData);
  do {
    bytes = 0;
    await taken();
    // The first iteration resumes a paused stream, the second one reads.
    await nextIteration();
    await nextIteration();
  } while (bytes >= FULL_READ_BYTES && !deadline.aborted);
  input.off('data', onData);
}

/** Waits for the last answers, at most a second after `stop`. */
function withinDeadline(allAnswered: Promise<void>, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const startTimer = (): void => {
      timer = setTimeout(done, LAST_ANSWERS_MILLISECONDS);
    };
    const done = (): void => {
      stop.removeEventListener('abort', startTimer);
      clearTimeout(timer);
      resolve();
    };
    stop.addEventListener('abort', startTimer);
    if (stop.aborted) startTimer();
    void allAnswered.then(done);
  });
}

interface Connection extends Pick<ServeStreamOptions, 'input' | 'output'> {
  readonly responder: Responder;
  readonly share: ConnectionShare;
  readonly incomplete: IncompleteRequestWatch;
  readonly giveUp: AbortController;
}

/** Answers the requests of a chunk. Pauses the input while it waits for the budget, for the client or for other connections. */
async function take(
  chunk: Buffer,
  { input, output, responder, share, incomplete, giveUp }: Connection,
): Promise<void> {
  if (responder.hasFailed) return;
  let sliceEnd = performance.now() + SERVE_MILLISECONDS;
  let spentBytes = 0;
  // The rest of what a closed connection sent must not stay in memory.
  for (let from = 0; from < chunk.length && !output.destroyed; from += PIECE_BYTES) {
    for (const frame of responder.decode(chunk.subarray(from, from + PIECE_BYTES))) {
      if (!share.tryAdmit()) {
        input.pause();
        if (!(await share.admission())) return;
        spentBytes = Math.max(spentBytes, SERVE_BYTES);
      }
      // The first request of a chunk is decided at once, so that a client with few requests does not wait for a flood.
      while (spentBytes >= SERVE_BYTES && mustYield()) {
        input.pause();
        await nextSlice();
        spentBytes -= SERVE_BYTES;
      }
      spentBytes += frame.length;
      if (!responder.answer(frame)) {
        giveUp.abort();
        return;
      }
    }
    const mayContinue = from + PIECE_BYTES >= chunk.length || performance.now() < sliceEnd;
    if (mayContinue && !output.writableNeedDrain) continue;
    input.pause();
    await nextSlice();
    sliceEnd = performance.now() + SERVE_MILLISECONDS;
    if (!output.writableNeedDrain) continue;
    await responder.answered();
    await drained(output);
  }
  input.resume();
  incomplete.decoded();
}

/** Waits for the end of the stream, or for a signal. */
function ended({ input, output }: ServeStreamOptions, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const signal of signals) signal.removeEventListener('abort', done);
      resolve();
    };
    // EIO: the other end of a terminal is gone. EPIPE: nobody reads the answers. Both mean that the server has ended.
    for (const event of ['end', 'error', 'close']) input.on(event, done);
    for (const event of ['error', 'close']) output.on(event, done);
    for (const signal of signals) signal.addEventListener('abort', done);
    if (signals.some(({ aborted }) => aborted)) done();
  });
}

function flushed(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    // Called with an error if the client is gone.
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
