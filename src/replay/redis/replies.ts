import { Command } from 'ioredis';

const SLOTS = 16_384;
const MAX_NODES = 1000;
const MAX_PORT = 65_535;
/** A host name, or an IPv4 or IPv6 address; `?` stands for a name that the node does not know. */
const HOST = /^[\w.:%?-]{1,255}$/;

/** A reply that Redis would not send: another program replies, or this is the reply to another command. */
export class UnexpectedReplyError extends Error {
  /** @param cause what was unexpected, for developers */
  constructor(cause?: string) {
    super(
      'its replies are not those of Redis: is this a Redis, and does anything between it and xtokend change them?',
      { cause },
    );
  }
}

/** What the hash of a token holds. */
export interface Entry {
  /** The epoch stamp of the hash, if it has one. */
  readonly stamp: string | undefined;
  /** The mark of the consume that entered the token; `undefined` if the entry is gone. */
  readonly mark: string | undefined;
}

/** The reply of the script `START_TIME_STEP`. */
export interface StartReply {
  /** The present epoch stamp; empty if the server is not usable. */
  readonly stamp: string;
  /** The time of Redis, in milliseconds since the Unix epoch. */
  readonly now: number;
  /** What Redis does when its memory is full. */
  readonly policy: string;
}

/** Parses a reply that is 0 or 1. @throws {@link UnexpectedReplyError} */
export function parseFlag(reply: unknown): boolean {
  assertReply(reply === 0 || reply === 1);
  return reply === 1;
}

/** Parses the reply to `HSET`. @throws {@link UnexpectedReplyError} */
export function parseCount(reply: unknown): number {
  assertReply(Number.isInteger(reply) && Number(reply) >= 0);
  return Number(reply);
}

/** Parses the reply to `HGET`: `undefined` if there is no such field. @throws {@link UnexpectedReplyError} */
export function parseOptionalText(reply: unknown): string | undefined {
  assertReply(reply === null || isText(reply));
  return reply ?? undefined;
}

/** Parses the reply to `HGETALL`, of which the client makes an object. @throws {@link UnexpectedReplyError} */
export function parseTable(reply: unknown): Readonly<Record<string, string>> {
  assertReply(typeof reply === 'object' && reply !== null && Object.values(reply).every(isText));
  return reply as Record<string, string>;
}

/** Parses the reply to `SSCAN`. @throws {@link UnexpectedReplyError} */
export function parseScan(reply: unknown): { cursor: string; members: readonly string[] } {
  assertReply(isArray(reply) && reply.length === 2);
  const [cursor, members] = reply;
  assertReply(isText(cursor) && /^\d{1,20}$/.test(cursor) && isArray(members) && members.every(isText));
  return { cursor, members };
}

/** Parses the reply to `HMGET`. @throws {@link UnexpectedReplyError} */
export function parseEntry(reply: unknown): Entry {
  assertReply(
    isArray(reply) && reply.length === 2 && reply.every((value) => value === null || isText(value)),
  );
  const [stamp, mark] = reply.map((value) => value ?? undefined);
  return { stamp, mark };
}

/** Parses the reply of `START_TIME_STEP` to a mark. @throws {@link UnexpectedReplyError} */
export function parseStart(reply: unknown, sent: string): StartReply {
  assertReply(isArray(reply) && reply.length === 4);
  const [mark, stamp, now, policy] = reply;
  assertReply(mark === sent && isText(stamp) && typeof now === 'number' && isText(policy));
  return { stamp, now, policy };
}

/** Parses an address of a Sentinel's reply: `[host, port]`. @throws {@link UnexpectedReplyError} */
export function parseEndpoint(reply: unknown): { host: string; port: number } {
  assertReply(isArray(reply) && reply.length === 2);
  const [host, port] = reply;
  assertReply(isHost(host) && isText(port) && /^\d{1,5}$/.test(port) && isBetween(1, Number(port), MAX_PORT));
  return { host, port: Number(port) };
}

/** Parses the reply to `SENTINEL SENTINELS`: of each, names and values in turn. @throws {@link UnexpectedReplyError} */
export function parseSentinels(reply: unknown): { host: string; port: number }[] {
  assertReply(isArray(reply) && reply.length <= MAX_NODES);
  return reply.map((fields) => {
    assertReply(isArray(fields));
    const valueOf = (name: string): unknown => fields[fields.indexOf(name) + 1];
    return parseEndpoint([valueOf('ip'), valueOf('port')]);
  });
}

/**
 * Makes ioredis check the replies to `INFO` and `CLUSTER` before it uses them itself: it expects the right shape, and a nil instead of a
 * slot table would end the process. A reply that fails the check becomes an error of its command.
 */
export function checkReplies(): void {
  Command.setReplyTransformer('info', (reply: unknown) => {
    assertReply(isText(reply));
    return reply;
  });
  // CLUSTER SLOTS returns a table, CLUSTER INFO and CLUSTER MYID return a text.
  Command.setReplyTransformer('cluster', (reply: unknown) => {
    assertReply(isText(reply) || isSlotTable(reply));
    return reply;
  });
}

/** A table that names no slot twice takes no time to process. */
function isSlotTable(reply: unknown): boolean {
  if (!isArray(reply)) return false;
  let covered = 0;
  const nodes = new Set<string>();
  for (const row of reply) {
    if (!isArray(row) || row.length < 3) return false;
    const [first, last, ...owners] = row;
    if (!isBetween(0, first, SLOTS - 1) || !isBetween(first, last, SLOTS - 1) || !owners.every(isNode))
      return false;
    covered += last - first + 1;
    for (const [host, port] of owners) nodes.add(`${String(host)}:${String(port)}`);
  }
  return covered <= SLOTS && nodes.size <= MAX_NODES;
}

/** The host of a node is nil, or empty, if the node does not know it; ioredis ignores such a node. */
function isNode(value: unknown): value is readonly unknown[] {
  if (!isArray(value)) return false;
  const [host, port] = value;
  return (host === null || host === '' || isHost(host)) && isBetween(1, port, MAX_PORT);
}

function assertReply(isExpected: boolean): asserts isExpected {
  if (!isExpected) throw new UnexpectedReplyError();
}

function isHost(value: unknown): value is string {
  return isText(value) && HOST.test(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isBetween(least: number, value: unknown, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}
