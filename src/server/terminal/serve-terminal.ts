import type { Readable } from 'node:stream';
import type { Decide, Observer } from '../responder.js';
import { busyPoll } from '../busy-poll.js';
import { AnswerPolicy, type AnswerPolicyOptions, type Sent } from './answer-policy.js';

const HEARTBEAT_MILLISECONDS = 250;
/** A server that has sent a request waits within microseconds. If it doesn't, something keeps it, perhaps the lack of a processor. */
const BUSY_MILLISECONDS = 0.2;

/** What {@link serveTerminal} works with. Times are milliseconds of the port's clock. */
export interface TerminalOptions extends Omit<AnswerPolicyOptions, 'onRequest' | 'onUnanswered'> {
  /** The terminal, as the event loop reads it. */
  readonly input: Readable;
  readonly decide: Decide;
  readonly observer: Observer;
  /** Whether the server or the supervisor is gone: a terminal whose master was inherited by another process never ends by itself. */
  readonly isOrphaned: () => boolean;
  /** Aborted when no more requests are to be read. */
  readonly stop: AbortSignal;
}

/**
 * Answers requests on the terminal of Prosody's external module, as {@link AnswerPolicy} allows.
 *
 * @returns when the terminal has ended or the server is gone; or when `stop` is aborted and the last request is answered, or never will be
 */
export async function serveTerminal(options: TerminalOptions): Promise<void> {
  const { input, observer, port } = options;
  const policy = new AnswerPolicy({
    ...options,
    onRequest: (sent) => {
      void decide(sent, options).then(attempt);
      // Seen waiting before it is decided, the server has sent it whole: what comes later is another request.
      setImmediate(() => {
        if (sent.decision === undefined) attempt();
      });
    },
    onUnanswered: ({ request, readAt }) => {
      observer.unanswered(request, readAt);
    },
  });
  const attempt = untilClear(() => policy.answer(), port.clock);
  input.on('data', (chunk: Buffer) => {
    policy.receive(chunk);
  });
  await ended(options, policy, attempt);
  input.destroy();
}

async function decide(sent: Sent, { decide, observer }: TerminalOptions): Promise<void> {
  const { request, readAt } = sent;
  try {
    const decision = await decide(request);
    const onAnswered = (): void => {
      busyPoll();
      observer.decided(request, decision, readAt);
    };
    sent.decision = { accepted: decision.accepted, onAnswered };
  } catch (error) {
    const onAnswered = (): void => {
      observer.failed(request, error, readAt);
    };
    sent.decision = { accepted: false, onAnswered };
  }
}

/**
 * @param act returns whether to be called again soon
 * @returns a function that calls it at once, and again until that is not needed
 */
function untilClear(act: () => boolean, clock: () => number): () => void {
  let isScheduled = false;
  let busyUntil = Number.NEGATIVE_INFINITY;
  const run = (): void => {
    if (!act() || isScheduled) return;
    isScheduled = true;
    if (clock() < busyUntil) setImmediate(again);
    else setTimeout(again, 1);
  };
  const again = (): void => {
    isScheduled = false;
    run();
  };
  return () => {
    busyUntil = clock() + BUSY_MILLISECONDS;
    run();
  };
}

/** Ends with the terminal (EIO if its other end is gone), or when told to. Calls `attempt` now and then. */
function ended(
  { input, isOrphaned, stop }: TerminalOptions,
  policy: AnswerPolicy,
  attempt: () => void,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearInterval(heartbeat);
      resolve();
    };
    const beat = (): void => {
      policy.checkInput();
      attempt();
      if (isOrphaned() || (stop.aborted && !policy.isPending)) done();
    };
    const heartbeat = setInterval(beat, HEARTBEAT_MILLISECONDS);
    for (const event of ['end', 'error', 'close']) input.on(event, done);
    stop.addEventListener('abort', beat);
  });
}
