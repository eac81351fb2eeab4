import type { Readable } from 'node:stream';
import { lines } from '../protocol/lines.js';
import { Patience } from './patience.js';
import { Responder, type Decide, type Observer, type Reply } from './responder.js';

const HEARTBEAT_MILLISECONDS = 250;
/** Where one request follows the other, a turn of the event loop without input can take some looking for. */
const MAX_LOOKS = 100;
const LINE_FEED = 0x0a;

/** What {@link serveTerminal} works with. Times are milliseconds of a clock that only goes forward. */
export interface TerminalOptions {
  /** The terminal, read without pause: then a turn of the event loop without data means that there was none. */
  readonly input: Readable;
  /** Writes an answer to the terminal in one call of write(2): the server takes one read for the whole answer. */
  readonly write: (answer: Buffer) => void;
  readonly decide: Decide;
  readonly observer: Observer;
  readonly answerWithin: () => number;
  readonly clock: () => number;
  /** An instant after which all that comes was written. */
  readonly emptyAt: number;
  /** Whether the next bytes are the rest of a request whose beginning was thrown away. */
  readonly startsInRequest: boolean;
  /** Whether the server or the keeper is gone: a terminal whose master somebody inherited never ends by itself. */
  readonly isOrphaned: () => boolean;
  /** Aborted when no more requests are to be read. */
  readonly stop: AbortSignal;
}

/**
 * Answers requests on the terminal of Prosody's external module, which takes the next bytes that it reads for the
 * answer to the request that it sent last. So only requests that are certainly still waiting are answered.
 *
 * @returns when the terminal has ended, when it is told to stop, or when the server is gone
 */
export async function serveTerminal(options: TerminalOptions): Promise<void> {
  const { input, write, decide, observer, clock } = options;
  const patience = new Patience(options);
  const openReply = (): Reply => patience.openReply(write);
  const responder = new Responder({ framing: lines, decide, observer, openReply });
  const whole = options.startsInRequest ? createTailFilter() : (chunk: Buffer): Buffer => chunk;
  let lastInput = Number.NEGATIVE_INFINITY;
  input.on('data', (chunk: Buffer) => {
    lastInput = clock();
    responder.receive(whole(chunk));
  });
  const lookForEmptiness = (tries = MAX_LOOKS): void => {
    const instant = clock();
    // Between a timer, or an immediate, and the immediates that it makes the event loop reads all the input that there is.
    setImmediate(() => {
      if (lastInput < instant) {
        if (!responder.inRequest) patience.sawEmpty(instant);
      } else if (tries > 1) {
        lookForEmptiness(tries - 1);
      }
    });
  };
  await ended(options, lookForEmptiness);
  input.destroy();
  await responder.answered;
}

/** Ends with the terminal (EIO where its other end is gone), or when somebody says so. Calls `onBeat` now and then. */
function ended({ input, isOrphaned, stop }: TerminalOptions, onBeat: () => void): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearInterval(heartbeat);
      resolve();
    };
    const heartbeat = setInterval(() => {
      if (isOrphaned()) done();
      else onBeat();
    }, HEARTBEAT_MILLISECONDS);
    for (const event of ['end', 'error', 'close']) input.on(event, done);
    stop.addEventListener('abort', done);
  });
}

/** @returns a function that drops all bytes up to and with the first newline */
function createTailFilter(): (chunk: Buffer) => Buffer {
  let inTail = true;
  return (chunk) => {
    if (!inTail) return chunk;
    const end = chunk.indexOf(LINE_FEED);
    inTail = end < 0;
    return inTail ? Buffer.alloc(0) : chunk.subarray(end + 1);
  };
}
