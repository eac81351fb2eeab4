import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { codeOf } from '../../../errors.js';
import { framings, type Protocol } from '../../../protocol/framings.js';
import type { Situation } from '../situation.js';
import { findSockets } from './socket-paths.js';

/** The result of a request to a running daemon. */
export type Result =
  | { readonly kind: 'answered'; readonly accepted: boolean; readonly milliseconds: number }
  /** `silent`: connected, but no answer in time; `closed`: the connection ended first; `unexpected`: other bytes came. */
  | { readonly kind: 'silent' | 'closed' | 'unexpected' }
  /** With the system's error code, such as ENOENT. */
  | { readonly kind: 'unreachable'; readonly code: string };

/** How long {@link askDaemon} waits for an answer. */
export const TIMEOUT_MILLISECONDS = 2000;

/** Asks a daemon whether a user exists: that consumes nothing, and leaves a line in its log. */
export async function askDaemon(
  path: string,
  { configuration }: Situation,
): Promise<Result & { readonly protocol: Protocol }> {
  const request = `isuser:xtokend-check:${configuration?.hosts.names?.[0] ?? 'localhost'}`;
  const generic = await ask(path, 'generic', request, TIMEOUT_MILLISECONDS);
  if (generic.kind !== 'answered' && generic.kind !== 'unreachable') {
    // The path does not show which protocol the socket has.
    const packets = await ask(path, 'ejabberd', request, TIMEOUT_MILLISECONDS);
    if (packets.kind === 'answered') return { ...packets, protocol: 'ejabberd' };
  }
  return { ...generic, protocol: 'generic' };
}

/** Returns whether a daemon answers on one of its sockets. */
export async function isRunning(situation: Situation): Promise<boolean> {
  const results = await Promise.all(findSockets(situation).map(({ path }) => askDaemon(path, situation)));
  return results.some(({ kind }) => kind === 'answered');
}

/**
 * Sends one request to a daemon over its Unix socket.
 *
 * @param request as a chat server writes it, without framing
 * @param timeout how long to wait for the answer, in milliseconds
 */
export function ask(path: string, protocol: Protocol, request: string, timeout: number): Promise<Result> {
  const { answers } = framings[protocol];
  return new Promise((resolve) => {
    const socket = connect(path);
    let sentAt = 0;
    let received = Buffer.alloc(0);
    const settle = (result: Result): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(settle, timeout, { kind: 'silent' });
    socket.on('connect', () => {
      sentAt = performance.now();
      socket.write(frame(protocol, request));
    });
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      const accepted = received.equals(answers.yes);
      if (accepted || received.equals(answers.no)) {
        settle({ kind: 'answered', accepted, milliseconds: performance.now() - sentAt });
      } else if (received.length >= answers.yes.length) settle({ kind: 'unexpected' });
    });
    socket.on('end', () => {
      settle({ kind: 'closed' });
    });
    socket.on('error', (error) => {
      settle(sentAt > 0 ? { kind: 'closed' } : { kind: 'unreachable', code: String(codeOf(error)) });
    });
  });
}

function frame(protocol: Protocol, request: string): Buffer {
  if (protocol === 'generic') return Buffer.from(`${request}\n`);
  const body = Buffer.from(request);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([length, body]);
}
