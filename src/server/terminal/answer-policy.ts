import { MAX_REQUEST_BYTES, parseRequest, type Request } from '../../protocol/request.js';

/** What the server can be seen to do. */
export type Sight =
  /** It waits for an answer on this terminal: it has sent its newest request whole, and given up on all before it. */
  | 'waiting'
  /** It has gone on to something else: it has given up on all that it has sent. */
  | 'elsewhere'
  /** It runs, or is stopped: look again. */
  | 'unclear'
  /** This process can't see the server. */
  | 'hidden';

/** How many bytes the server has read and written in its life, from and to whatever file. */
export interface Traffic {
  readonly read: number;
  readonly written: number;
}

/** `spoiler` is no answer: read together with one, it makes that unintelligible. */
export type Answer = 'yes' | 'no' | 'spoiler';

/** The terminal and the server at its other end. */
export interface TerminalPort {
  /** @returns all input that there is at this moment */
  readonly read: () => Buffer;
  readonly look: () => Sight;
  readonly traffic: () => Traffic;
  /** Writes an answer in one call of write(2): the server takes one read for the whole answer. */
  readonly write: (answer: Answer) => void;
  /** @returns milliseconds of a clock that only goes forward */
  readonly clock: () => number;
}

/** What the server has sent last, as one request. */
export interface Sent {
  /** `malformed` for anything but one line. */
  readonly request: Request;
  /** When it had been read, by the port's clock. */
  readonly readAt: number;
  /** Set once it is decided. */
  decision?: { readonly accepted: boolean; readonly onAnswered: () => void };
}

/** What an {@link AnswerPolicy} works with. Times are milliseconds of the port's clock. */
export interface AnswerPolicyOptions {
  readonly port: TerminalPort;
  /** How long the server certainly waits for an answer. */
  readonly answerWithin: () => number;
  /** An instant after which everything in the input was sent. */
  readonly emptyAt: number;
  /** Whether the input begins inside a request whose beginning was discarded. */
  readonly startsInRequest: boolean;
  /** Called with each request, to decide it. Call {@link AnswerPolicy.answer} then. */
  readonly onRequest: (sent: Sent) => void;
  /** Called with what will never be answered. */
  readonly onUnanswered: (sent: Sent) => void;
}

const LINE_FEED = 0x0a;
const CONFIRM_AFTER_MILLISECONDS = 0.1;

/**
 * Decides which request may be answered now. Nothing on the terminal ties an answer to its request: the server takes what it
 * reads next for the answer to what it sent last. One answer too many, and each login gets the result of the one before it.
 *
 * 1. The server sends one request, as one line in one write. Anything else that arrives until it is seen waiting is still part of
 *    the same write, and all of it together is one malformed request.
 * 2. Only the newest request may be answered, and only if all input has been read, then the server is seen waiting on this terminal, and it
 *    has written nothing in between. What comes later belongs to a later request.
 * 3. A request that may be older than the time the server waits is never answered. If the server can't be seen, this is the only
 *    rule for one line, and anything else stays unanswered.
 * 4. A signal can end the server's wait just before it reads the answer. If it goes on without having read, the answer is spoiled, so that it
 *    is not taken for the next one.
 */
export class AnswerPolicy {
  readonly #options: AnswerPolicyOptions;
  /** All that belongs to the newest request; `undefined` if it is more than a request can be. */
  #bytes: Buffer | undefined = Buffer.alloc(0);
  /** The newest request, once it has ended. */
  #sent: Sent | undefined;
  /** Whether the server was seen waiting for the answer to the newest request. */
  #isWhole = false;
  /** Whether anything of the newest request was received here, and not discarded before. */
  #isReceived = false;
  /** How many bytes the server had read before the last answer, until it is known what became of that. */
  #readBefore: number | undefined;
  #answeredAt = 0;
  #emptyAt: number;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(options: AnswerPolicyOptions) {
    this.#options = options;
    this.#emptyAt = options.emptyAt;
    if (options.startsInRequest) this.#append(undefined);
  }

  /** Whether there is a request that may still be answered. */
  get isPending(): boolean {
    return this.#sent !== undefined;
  }

  /** Takes bytes that the server has sent. */
  receive(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#isWhole) this.#giveUp();
    this.#isReceived = true;
    this.#append(chunk);
  }

  /**
   * Answers the newest request if that is safe now.
   *
   * @returns whether to call again soon, as the server may be about to wait
   */
  answer(): boolean {
    const isAnswerTaken = this.#readBefore === undefined || this.#confirm();
    return this.#answerNewest() || !isAnswerTaken;
  }

  /**
   * Reads all input. If there is none, whatever comes later was sent after that. To be called now and then.
   *
   * @returns whether there was none
   */
  checkInput(): boolean {
    const { clock, read } = this.#options.port;
    const instant = clock();
    const more = read();
    if (more.length === 0) this.#emptyAt = instant;
    else this.receive(more);
    return more.length === 0;
  }

  #answerNewest(): boolean {
    const { port } = this.#options;
    if (this.#bytes?.length === 0) return false;
    const before = port.traffic();
    // What has come meanwhile begins anew.
    if (!this.checkInput()) return false;
    const sight = port.look();
    if (sight === 'elsewhere' || port.clock() >= this.#deadline) return this.#giveUp();
    const { read, written } = port.traffic();
    if (sight === 'unclear' || written !== before.written) return true;
    // Without a line end, too: the rest will never come.
    if (sight === 'waiting') this.#isWhole = true;
    const decision = this.#sent?.decision;
    if (decision === undefined) return false;
    if (sight === 'hidden' && !isOneLine(this.#bytes)) return this.#giveUp();
    this.#write(decision);
    this.#readBefore = sight === 'hidden' ? undefined : read;
    this.#answeredAt = port.clock();
    return true;
  }

  /** @returns whether it is known what became of the last answer */
  #confirm(): boolean {
    const { port } = this.#options;
    // By then a server that asks one thing after the other has read it, and asked the next.
    if (port.clock() - this.#answeredAt < CONFIRM_AFTER_MILLISECONDS) return false;
    const hasRead = (): boolean => port.traffic().read !== this.#readBefore;
    if (!hasRead()) {
      const sight = port.look();
      if (sight === 'waiting' || sight === 'unclear') return false;
      // In this order: a server that has gone on by now has read by then.
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
    // Bytes without a line end are no request, but somebody waits in vain for an answer to them.
    const unended: Sent | undefined = this.#isReceived
      ? { request: { operation: 'malformed' }, readAt: this.#options.port.clock() }
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
    if (this.#bytes?.length === 0) this.#deadline = this.#emptyAt + answerWithin();
    this.#bytes = joined(this.#bytes, chunk);
    // A line that more follows is a part of one malformed request, which stands for it in the log as well.
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
  return isOneLine(bytes) ? parseRequest(bytes.subarray(0, -1)) : { operation: 'malformed' };
}

function isOneLine(bytes: Buffer | undefined): bytes is Buffer {
  if (bytes === undefined) return false;
  return bytes.indexOf(LINE_FEED) === bytes.length - 1;
}
