/** A reply that Redis would not give: something else answers, or answers a command with the reply to another. */
export class UnexpectedReplyError extends Error {
  constructor() {
    super(
      'its replies make no sense: is this a Redis, and is nothing between it and xtokend that changes them?',
    );
  }
}

/** What is in the hash of a token. */
export interface Entry {
  /** The sign of the step, where it has one. */
  readonly sign: string | undefined;
  /** What is entered for the token; nothing where it is gone again. */
  readonly entered: string | undefined;
}

/** What {@link BEGIN_STEP} says. */
export interface Begun {
  /** What was sent along. */
  readonly mark: string;
  /** What the signs of steps hold; empty where the server is not fit. */
  readonly sign: string;
  /** Redis' time, in milliseconds since the Unix epoch. */
  readonly now: number;
  /** What Redis does when its memory is full. */
  readonly policy: string;
}

/** Reads a reply that is 0 or 1: of `HSETNX` and `SADD` whether it is new, of `SISMEMBER` whether it is there. @throws {@link UnexpectedReplyError} */
export function parseFlag(reply: unknown): boolean {
  if (reply !== 0 && reply !== 1) throw new UnexpectedReplyError();
  return reply === 1;
}

/** Reads the reply to `HMGET`. @throws {@link UnexpectedReplyError} */
export function parseEntry(reply: unknown): Entry {
  if (!isArray(reply) || reply.length !== 2) throw new UnexpectedReplyError();
  return { sign: textOrNothing(reply[0]), entered: textOrNothing(reply[1]) };
}

/** Reads the reply of {@link BEGIN_STEP}. @throws {@link UnexpectedReplyError} */
export function parseBegun(reply: unknown): Begun {
  if (!isArray(reply) || reply.length !== 4) throw new UnexpectedReplyError();
  const [mark, sign, now, policy] = reply;
  if (typeof now !== 'number' || ![mark, sign, policy].every((text) => typeof text === 'string')) {
    throw new UnexpectedReplyError();
  }
  return { mark: String(mark), sign: String(sign), now, policy: String(policy) };
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function textOrNothing(value: unknown): string | undefined {
  if (value === null) return undefined;
  if (typeof value !== 'string') throw new UnexpectedReplyError();
  return value;
}
