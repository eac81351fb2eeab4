import { performance } from 'node:perf_hooks';
import type { CompletedRequest, RequestSink } from '../authenticator/decision.js';
import type { LogSettings } from '../config/log.js';
import type { Fields, Level, Log } from './log.js';
import { RateLimiter, type Suppressed } from './rate-limiter.js';

/**
 * How many lines are written for each operation and reason: enough for tools that look for many refusals in a row, and at most
 * five lines a second for each kind of request that a client can cause.
 */
const RATE_LIMIT = { limit: 50, windowMilliseconds: 10_000 };
const CHECK_MILLISECONDS = 1000;

/** A user and a host of a client that fails to log in can have 1,023 bytes each. */
const MAX_NAME_CHARACTERS = 256;

const SIMILAR = { refused: 'similar refusals', unanswered: 'similar unanswered requests', accepted: '' };

/** Writes one line for each completed request, and limits the rate of similar ones that were not accepted. */
export class RequestLog {
  readonly #log: Log;
  readonly #clock: () => number;
  readonly #limiter = new RateLimiter<CompletedRequest>(RATE_LIMIT);
  #timer: NodeJS.Timeout | undefined;
  #hasClientAddress = true;

  /** @param clock returns milliseconds of a monotonic clock */
  constructor(log: Log, clock: () => number = () => performance.now()) {
    this.#log = log;
    this.#clock = clock;
  }

  readonly write: RequestSink = (completed) => {
    if (completed.outcome === 'accepted' && isRoutine(completed)) this.#writeBlocked(completed);
    else this.#writeCompleted(completed);
  };

  #writeCompleted(completed: CompletedRequest): void {
    if (completed.outcome !== 'accepted' && this.#isSuppressed(completed)) return;
    this.#log.write(levelOf(completed), completed.outcome, fieldsOf(completed, this.#hasClientAddress));
  }

  /** Prosody asks every two seconds. Only users who must not stay are worth a line. */
  #writeBlocked({ context: { operation, host, listener }, users = [] }: CompletedRequest): void {
    if (operation !== 'recheck') return;
    for (const user of users) {
      const jid = cut(`${user}@${host ?? ''}`);
      this.#log.write('info', 'blocked user online', { operation, jid, host: cut(host), listener });
    }
  }

  /** Applies the settings that concern the content of request lines. */
  configure({ clientAddress }: LogSettings): void {
    this.#hasClientAddress = clientAddress;
  }

  /** Writes how many lines were suppressed and not yet reported. */
  close(): void {
    clearInterval(this.#timer);
    for (const suppressed of this.#limiter.takeAll(this.#clock())) this.#summarize(suppressed);
  }

  #isSuppressed(completed: CompletedRequest): boolean {
    const { context, outcome, reason } = completed;
    const now = this.#clock();
    this.#summarizeEnded(now);
    if (this.#limiter.admits(`${context.operation} ${outcome} ${reason ?? ''}`, completed, now)) return false;
    this.#timer ??= setInterval(() => {
      this.#check();
    }, CHECK_MILLISECONDS).unref();
    return true;
  }

  /** Reports suppressed lines even if no more requests follow. */
  #check(): void {
    this.#summarizeEnded(this.#clock());
    if (this.#limiter.hasSuppressed) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #summarizeEnded(now: number): void {
    for (const suppressed of this.#limiter.takeEnded(now)) this.#summarize(suppressed);
  }

  #summarize({ first, count, milliseconds }: Suppressed<CompletedRequest>): void {
    const seconds = Math.max(1, Math.round(milliseconds / 1000));
    const message = `suppressed ${grouped(count)} ${SIMILAR[first.outcome]} in ${seconds} s`;
    const { reason, context } = first;
    this.#log.write(levelOf(first), message, { operation: context.operation, reason, count });
  }
}

function isRoutine({ context: { operation } }: CompletedRequest): boolean {
  return operation === 'recheck' || operation === 'list';
}

/** A refusal with a cause is a fault of xtokend, of the chat server or of the set-up, and not of a user. */
function levelOf({ outcome, reason, cause }: CompletedRequest): Level {
  if (outcome === 'unanswered') return reason === 'unknown-protocol' ? 'error' : 'warning';
  return cause === undefined ? 'info' : 'error';
}

function fieldsOf(completed: CompletedRequest, hasClientAddress: boolean): Fields {
  const { context, reason, key, offset, backend, cause, milliseconds } = completed;
  const { operation, jid, host, isSecured, listener } = context;
  const client = hasClientAddress ? context.client : undefined;
  const secured = isSecured === false ? 'no' : undefined;
  const ms = Math.round(milliseconds * 100) / 100;
  return {
    operation,
    reason,
    jid: cut(jid),
    host: cut(host),
    client,
    secured,
    key,
    offset,
    backend,
    listener,
    cause,
    ms,
  };
}

function cut(name: string | undefined): string | undefined {
  return name === undefined || name.length <= MAX_NAME_CHARACTERS
    ? name
    : `${name.slice(0, MAX_NAME_CHARACTERS)}…`;
}

/** Formats a count with separators: 1,204. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
