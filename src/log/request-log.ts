import { performance } from 'node:perf_hooks';
import type { CompletedRequest, RequestSink } from '../daemon/completed-request.js';
import { RateLimiter, type Suppressed } from './rate-limiter.js';
import type { Fields, Level, Log } from './log.js';

/**
 * So many lines are written of each operation and reason in so much time: enough for tools that look for many refusals in a
 * row, and no more than five lines a second for whatever a stranger can bring about.
 */
const FLOOD = { limit: 50, windowMilliseconds: 10_000 };
const LOOK_MILLISECONDS = 1000;

/** A user and a host can have 1,023 bytes each, of whoever tries to log in. */
const MAX_NAME_CHARACTERS = 256;

/**
 * Writes one line for each decision: what became of it and why, whom it was about, and how long it took. Of a flood of
 * decisions that let nobody in, it writes the first ones and how many there were.
 */
export class RequestLog {
  readonly #log: Log;
  readonly #clock: () => number;
  readonly #flood = new RateLimiter<CompletedRequest>(FLOOD);
  #timer: NodeJS.Timeout | undefined;

  /** @param clock milliseconds that only go forward */
  constructor(log: Log, clock: () => number = () => performance.now()) {
    this.#log = log;
    this.#clock = clock;
  }

  readonly write: RequestSink = (decision) => {
    if (decision.outcome !== 'accepted' && this.#isTooMany(decision)) return;
    this.#log.write(levelOf(decision), decision.outcome, fieldsOf(decision));
  };

  /** Writes how many lines were held back and not yet counted. */
  close(): void {
    clearInterval(this.#timer);
    for (const held of this.#flood.takeAll(this.#clock())) this.#summarize(held);
  }

  #isTooMany(decision: CompletedRequest): boolean {
    const { operation, outcome, reason } = decision;
    const now = this.#clock();
    this.#summarizeEnded(now);
    if (this.#flood.admits(`${operation} ${outcome} ${reason ?? ''}`, decision, now)) return false;
    this.#timer ??= setInterval(() => {
      this.#look();
    }, LOOK_MILLISECONDS).unref();
    return true;
  }

  /** A flood that is over is counted, too. */
  #look(): void {
    this.#summarizeEnded(this.#clock());
    if (this.#flood.hasSuppressed) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #summarizeEnded(now: number): void {
    for (const held of this.#flood.takeEnded(now)) this.#summarize(held);
  }

  #summarize({ context, count, milliseconds }: Suppressed<CompletedRequest>): void {
    const { operation, reason, outcome } = context;
    const message = `${outcome} ${grouped(count)} more in ${Math.max(1, Math.round(milliseconds / 1000))} s`;
    this.#log.write(levelOf(context), message, { operation, reason, count });
  }
}

function levelOf({ outcome, reason }: CompletedRequest): Level {
  if (outcome === 'unanswered') return 'warning';
  return reason === 'internal-error' ? 'error' : 'info';
}

function fieldsOf(decision: CompletedRequest): Fields {
  const { operation, reason, context, listener, cause } = decision;
  const { jid, host, key, offset } = context;
  const ms = Math.round(decision.milliseconds * 100) / 100;
  return { operation, reason, jid: cut(jid), host: cut(host), key, offset, listener, cause, ms };
}

function cut(name: string | undefined): string | undefined {
  return name === undefined || name.length <= MAX_NAME_CHARACTERS
    ? name
    : `${name.slice(0, MAX_NAME_CHARACTERS)}…`;
}

/** As people read it: 1,204. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
