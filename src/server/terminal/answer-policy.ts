import { malformedRequest, MAX_REQUEST_BYTES, parseRequest, type Request } from '../../protocol/request.js';

/** What the server is seen to do. */
export type Sight =
  /** It waits for an answer on this terminal. So it has sent its newest request whole, and given up on all before it. */
  | 'waiting'
  /** It does something else. So it has given up on all requests that it has sent. */
  | 'elsewhere'
  /** It runs or is stopped; look again. */
  | 'unclear'
  /** This process can't see the server. */
  | 'hidden';

/** How many bytes the server has read and written since its start, over all files. */
export interface Traffic {
  readonly read: number;
  readonly written: number;
}

/** `spoiler` is no answer: read together with an answer, it makes that invalid. */
export type Answer = 'yes' | 'no' | 'spoiler';

/** The terminal, and the server at its other end. */
export interface TerminalPort {
  /** Returns all input that there is now. */
  readonly read: () => Buffer;
  readonly look: () => Sight;
  readonly traffic: () => Traffic;
  /** Writes an answer in one call of write(2), as the server takes one read for the whole answer. */
  readonly write: (answer: Answer) => void;
  /** Returns milliseconds of a monotonic clock. */
  readonly clock: () => number;
}

/** What the server sent last, as one request. */
export interface Sent {
  /** `malformed` for anything but one line. */
  readonly request: Request;
  /** When it was read, by the port's clock. */
  readonly readAt: number;
  /** Set once it is decided. */
  decision?: { readonly accepted: boolean; readonly onAnswered: () => void };
}

/** Options of {@link AnswerPolicy}. Times are milliseconds of the port's clock. */
export interface AnswerPolicyOptions {
  readonly port: TerminalPort;
  /** The reply deadline: how long the server certainly waits for an answer. */
  readonly answerWithin: () => number;
  /** An instant at which the input was drained: everything in it was sent later. */
  readonly drainedAt: number;
  /** Whether the input starts inside a request whose first bytes were discarded. */
  readonly startsInRequest: boolean;
  /** Called with each request, to decide it. Then call {@link AnswerPolicy.answer}. */
  readonly onRequest: (sent: Sent) => void;
  /** Called with each request that will never be answered. */
  readonly onUnanswered: (sent: Sent) => void;
}

/** The listener in the context of each request. */
const LISTENER = 'terminal';
const LINE_FEED = 0x0a;
const CONFIRM_AFTER_MILLISECONDS = 0.1;

/**
 * Decides which request can be answered now. Nothing on the terminal ties an answer to its request: the server takes what it
 * reads next for the answer to what it sent last. After one answer too many, each login gets the result of the one before it.
 *
 * 1. The server sends one request, as one line in one write. Anything else that arrives until it is seen waiting is still part of
 *    the same write, and all of it together is one malformed request.
 * 2. Only the newest request can be answered, and only if all input has been read, then the server is seen waiting on this
 *    terminal, and it has written nothing in between. What arrives later belongs to a later request.
 * 3. A request that may be older than the reply deadline is never answered. If the server can't be seen, this is the only rule for
 *    one line, and anything else stays unanswered.
 * 4. A signal can end the server's wait just before it reads the answer. If it continues without having read, the answer is
 *    spoiled, so that it is not taken for the next one.
 */
export class AnswerPolicy {
  readonly #options: AnswerPolicyOptions;
  /** The bytes of the newest request; `undefined` if there are more than a request can have. */
  #bytes: Buffer | undefined = Buffer.alloc(0);
  /** The newest request, once it is complete. */
  #sent: Sent | undefined;
  /** Whether the server was seen waiting for the answer to the newest request. */
  #isWhole = false;
  /** Whether anything of the newest request was received here, and not discarded before. */
  #isReceived = false;
  /** How many bytes the server had read before the last answer, until the fate of that answer is known. */
  #readBefore: number | undefined;
  #answeredAt = 0;
  #drainedAt: number;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(options: AnswerPolicyOptions) {
    this.#options = options;
    this.#drainedAt = options.drainedAt;
    if (options.startsInRequest) this.#append(undefined);
  }

  /** Whether there is a request that can still be answered. */
  get isPending(): boolean {
    return this.#sent !== undefined;
  }

  /** Receives bytes that the server has sent. */
  receive(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#isWhole) this.#giveUp();
    this.#isReceived = true;
    this.#append(chunk);
  }

  /**
   * Answers the newest request if that is safe now.
   *
   * @returns whether to call again soon, because the server may be about to wait
   */
  answer(): boolean {
    const isAnswerTaken = this.#readBefore === undefined || this.#confirm();
    return this.#answerNewest() || !isAnswerTaken;
  }

  /**
   * Reads all input. If there is none, whatever arrives later was sent after that. Call this regularly.
   *
   * @returns whether there was none
   */
  checkInput(): boolean {
    const { clock, read } = this.#options.port;
    const instant = clock();
    const more = read();
    if (more.length === 0) this.#drainedAt = instant;
    else this.receive(more);
    return more.length === 0;
  }

  #answerNewest(): boolean {
    const { port } = this.#options;
    if (this.#bytes?.length === 0) return false;
    const before = port.traffic();
    // Input that has arrived meanwhile makes this a different request.
    if (!this.checkInput()) return false;
    const sight = port.look();
    if (sight === 'elsewhere' || port.clock() >= this.#deadline) return this.#giveUp();
    const { read, written } = port.traffic();
    if (sight === 'unclear' || written !== before.written) return true;
    // This holds even without a line end: the rest will never arrive.
    if (sight === 'waiting') this.#isWhole = true;
    const decision = this.#sent?.decision;
    if (decision === undefined) return false;
    if (sight === 'hidden' && !isOneLine(this.#bytes)) return this.#giveUp();
    this.#write(decision);
    this.#readBefore = sight === 'hidden' ? undefined : read;
    this.#answeredAt = port.clock();
    return true;
  }

  /** Returns whether the fate of the last answer is known. */
  #confirm(): boolean {
    const { port } = this.#options;
    // By then a server that sends one request after another has read it, and sent the next.
    if (port.clock() - this.#answeredAt < CONFIRM_AFTER_MILLISECONDS) return false;
    const hasRead = (): boolean => port.traffic().read !== this.#readBefore;
    if (!hasRead()) {
      const sight = port.look();
      if (sight === 'waiting' || sight === 'unclear') return false;
      // In this order: a server that was seen elsewhere has done its read before the second look.
      if (sight === 'elsewhere' && !hasRead()) port.write('spoiler');
    }
    this.#readBefore = undefined;
    return true;
  }

  #write({ accepted, onAnswered }: NonNullable<Sent['decision']>): void {
    this.#options.port.write(accepted ? 'yes' : 'no');
    this.#forget();
    onAnswered();
  }

  #giveUp(): false {
    // Bytes without a line end are no request, but the server waits for an answer to them.
    const unended: Sent | undefined = this.#isReceived
      ? { request: malformedRequest(LISTENER), readAt: this.#options.port.clock() }
      : undefined;
    const sent = this.#sent ?? unended;
    this.#forget();
    if (sent !== undefined) this.#options.onUnanswered(sent);
    return false;
  }

  #forget(): void {
    this.#bytes = Buffer.alloc(0);
    this.#sent = undefined;
    this.#isWhole = false;
    this.#isReceived = false;
  }

  /** @param chunk `undefined` for bytes that were discarded */
  #append(chunk: Buffer | undefined): void {
    const { answerWithin, onRequest, port } = this.#options;
    if (this.#bytes?.length === 0) this.#deadline = this.#drainedAt + answerWithin();
    this.#bytes = joined(this.#bytes, chunk);
    // A line followed by more bytes is part of one malformed request, in the log as well.
    this.#sent = undefined;
    if (chunk?.at(-1) !== LINE_FEED) return;
    this.#sent = { request: requestIn(this.#bytes), readAt: port.clock() };
    onRequest(this.#sent);
  }
}

function joined(before: Buffer | undefined, chunk: Buffer | undefined): Buffer | undefined {
  if (before === undefined || chunk === undefined || before.length + chunk.length > MAX_REQUEST_BYTES)
    return undefined;
  return before.length === 0 ? chunk : Buffer.concat([before, chunk]);
}

function requestIn(bytes: Buffer | undefined): Request {
  return isOneLine(bytes) ? parseRequest(bytes.subarray(0, -1), LISTENER) : malformedRequest(LISTENER);
}

function isOneLine(bytes: Buffer | undefined): bytes is Buffer {
  if (bytes === undefined) return false;
  return bytes.indexOf(LINE_FEED) === bytes.length - 1;
}
