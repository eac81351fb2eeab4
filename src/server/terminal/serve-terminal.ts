import type { Readable } from 'node:stream';
import { completed, refusedByError, type Decision, type Unanswered } from '../../authenticator/decision.js';
import { busyPoll } from '../event-loop.js';
import type { RequestHandler } from '../responder.js';
import { AnswerPolicy, type AnswerPolicyOptions, type Sent } from './answer-policy.js';

const HEARTBEAT_MILLISECONDS = 250;
/** A server that has sent a request waits within microseconds, unless it gets no processor. */
const BUSY_MILLISECONDS = 0.2;

/** Options of {@link serveTerminal}. Times are milliseconds of the port's clock. */
export interface TerminalOptions
  extends RequestHandler, Omit<AnswerPolicyOptions, 'onRequest' | 'onUnanswered'> {
  /** The terminal, as the event loop reads it. */
  readonly input: Readable;
  /** Whether the server or the supervisor is gone: a terminal whose master another process inherited never ends by itself. */
  readonly isOrphaned: () => boolean;
  /** Aborted when no more requests are to be read. */
  readonly stop: AbortSignal;
}

/**
 * Answers requests on the terminal of Prosody's external module, as {@link AnswerPolicy} allows.
 *
 * @returns when the terminal has ended, or the server is gone, or `stop` is aborted and the last request is answered or never will be
 */
export async function serveTerminal(options: TerminalOptions): Promise<void> {
  const { input, port, onCompleted } = options;
  const complete = ({ request, readAt }: Sent, result: Decision | Unanswered): void => {
    onCompleted(completed(request.context, result, port.clock() - readAt));
  };
  const policy = new AnswerPolicy({
    ...options,
    onRequest: (sent) => {
      void decide(sent, options, complete).then(attempt);
      // If the server is seen waiting before the decision, the request is whole: later input is another request.
      setImmediate(() => {
        if (sent.decision === undefined) attempt();
      });
    },
    onUnanswered: (sent) => {
      complete(sent, { outcome: 'unanswered', reason: 'deadline-exceeded' });
    },
  });
  const attempt = untilClear(() => policy.answer(), port.clock);
  input.on('data', (chunk: Buffer) => {
    policy.receive(chunk);
  });
  await ended(options, policy, attempt);
  input.destroy();
}

async function decide(
  sent: Sent,
  { decide }: TerminalOptions,
  complete: (sent: Sent, decision: Decision) => void,
): Promise<void> {
  const decision = await decide(sent.request).catch(refusedByError);
  const onAnswered = (): void => {
    busyPoll();
    complete(sent, decision);
  };
  sent.decision = { accepted: decision.outcome === 'accepted', onAnswered };
}

/**
 * Returns a function that calls `act` now, and again until that returns `false`.
 *
 * @param act returns whether to be called again soon
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

/** Waits for the end of the terminal (EIO if its other end is gone), or for `stop`. Calls `attempt` regularly. */
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
