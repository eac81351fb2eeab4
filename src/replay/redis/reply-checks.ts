import { Command } from 'ioredis';
import { UnexpectedReplyError } from './replies.js';

const SLOTS = 16_384;
const MAX_NODES = 1000;
const MAX_PORT = 65_535;
/** A host name, or an IPv4 or IPv6 address; `?` stands for a name that the node does not know. */
const HOST = /^[\w.:%?-]{1,255}$/;

/**
 * Checks the replies that ioredis works with itself, before it does: it expects each to have the right shape, and a nil in place
 * of a table of slots would end the process. A reply that is refused here counts as an error of its command.
 */
export function checkReplies(): void {
  Command.setReplyTransformer('info', (reply: unknown) => assertReply(reply, isText));
  // CLUSTER SLOTS gives a table; INFO and MYID give a text.
  Command.setReplyTransformer('cluster', (reply: unknown) =>
    assertReply(reply, (value) => isText(value) || isSlotTable(value)),
  );
  // `get-master-addr-by-name` gives an address, or nil for a name that it does not know; `sentinels` gives a list.
  Command.setReplyTransformer('sentinel', (reply: unknown) =>
    assertReply(reply, (value) => value === null || isAddress(value) || isSentinelList(value)),
  );
}

function assertReply(reply: unknown, isExpected: (reply: unknown) => boolean): unknown {
  if (!isExpected(reply)) throw new UnexpectedReplyError();
  return reply;
}

/** A table that names no slot twice is walked through in no time. */
function isSlotTable(reply: unknown): boolean {
  if (!isArray(reply)) return false;
  let covered = 0;
  const nodes = new Set<string>();
  for (const row of reply) {
    if (!isArray(row) || row.length < 3) return false;
    const [first, last, ...owners] = row;
    if (!isWholeNumber(first, 0, SLOTS - 1) || !isWholeNumber(last, first, SLOTS - 1)) return false;
    if (!owners.every(isNode)) return false;
    covered += last - first + 1;
    for (const [host, port] of owners) nodes.add(`${String(host)}:${String(port)}`);
  }
  return covered <= SLOTS && nodes.size <= MAX_NODES;
}

/** The host of a node is nil, or empty, if the node does not know it; ioredis passes over such a node. */
function isNode(value: unknown): value is readonly unknown[] {
  if (!isArray(value)) return false;
  const [host, port] = value;
  return (host === null || host === '' || isHost(host)) && isWholeNumber(port, 1, MAX_PORT);
}

function isAddress(reply: unknown): boolean {
  return isArray(reply) && reply.length === 2 && isHost(reply[0]) && isPort(reply[1]);
}

function isSentinelList(reply: unknown): boolean {
  return isArray(reply) && reply.length <= MAX_NODES && reply.every(isSentinel);
}

/** Names and values in turn; ioredis needs the address and the flags. */
function isSentinel(value: unknown): boolean {
  if (!isArray(value) || !value.every(isText)) return false;
  const valueOf = (name: string): unknown =>
    value[value.findIndex((text, at) => at % 2 === 0 && text === name) + 1];
  return isHost(valueOf('ip')) && isPort(valueOf('port'));
}

function isPort(value: unknown): boolean {
  return isText(value) && /^\d{1,5}$/.test(value) && isWholeNumber(Number(value), 1, MAX_PORT);
}

function isHost(value: unknown): boolean {
  return isText(value) && HOST.test(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isWholeNumber(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}
