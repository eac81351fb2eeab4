import type { Decision, DecisionSink } from './decision.js';
import type { Fields, Level, Log } from './log.js';

/** Writes one line for each decision: what became of it and why, whom it was about, and how long it took. */
export function decisionLog(log: Log): DecisionSink {
  return (decision) => {
    log.write(levelOf(decision), decision.outcome, fieldsOf(decision));
  };
}

function levelOf({ outcome, reason }: Decision): Level {
  if (outcome === 'withheld') return 'warning';
  return reason === 'internal-error' ? 'error' : 'info';
}

function fieldsOf(decision: Decision): Fields {
  const { operation, reason, jid, host, key, offset, listener, cause } = decision;
  const fields = {
    operation,
    reason,
    jid,
    host,
    key,
    offset,
    listener,
    cause,
    ms: round(decision.milliseconds),
  };
  return Object.fromEntries(Object.entries(fields).filter(isKnown));
}

function isKnown(entry: [string, string | number | undefined]): entry is [string, string | number] {
  return entry[1] !== undefined;
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
