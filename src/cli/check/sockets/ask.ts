import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { codeOf } from '../../../errors.js';
import { protocols, type ProtocolOption } from '../../../protocol/detection.js';
import { NO } from '../../../protocol/generic.js';
import { encodeRequest, parseReply } from '../../../protocol/native-client.js';
import { VERSION_LINE } from '../../../protocol/native.js';
import type { ProtocolName } from '../../../protocol/protocol.js';
import { formatRequest, MAX_REQUEST_BYTES, type UserRequest } from '../../../protocol/request.js';
import type { Situation } from '../situation.js';
import { findSockets } from './socket-paths.js';

/** An answer of a daemon. */
export interface Answer {
  readonly accepted: boolean;
  /** Why it is refused; only the native protocol has it. */
  readonly reason?: string | undefined;
}

/** The result of a request to a running daemon. */
export type Result =
  | (Answer & { readonly kind: 'answered'; readonly milliseconds: number })
  /**
   * `silent`: connected, but no answer in time; `closed`: the connection ended first; `unexpected`: other bytes came. A socket that is
   * set to `other` would give this result.
   */
  | { readonly kind: 'silent' | 'closed' | 'unexpected'; readonly other?: ProtocolName | undefined }
  /** With the system's error code, such as ENOENT. */
  | { readonly kind: 'unreachable'; readonly code: string };

/** How long {@link askDaemon} waits for an answer. */
export const TIMEOUT_MILLISECONDS = 2000;

/** Asks a daemon whether a user exists: that consumes nothing, and leaves a line in its log. */
export async function askDaemon(
  path: string,
  { configuration }: Situation,
): Promise<Result & { readonly protocol: ProtocolName }> {
  const host = configuration?.hosts.names?.[0] ?? 'localhost';
  const request: UserRequest = { operation: 'isuser', user: 'xtokend-check', host };
  return ask(path, 'auto', request, TIMEOUT_MILLISECONDS);
}

/** Returns whether a daemon answers on one of its sockets. */
export async function isRunning(situation: Situation): Promise<boolean> {
  const results = await Promise.all(findSockets(situation).map(({ path }) => askDaemon(path, situation)));
  return results.some(({ kind }) => kind === 'answered');
}

/**
 * Sends one request to a daemon over its Unix socket.
 *
 * @param protocol `auto` tries the native protocol first, which has the reason of a refusal
 * @param timeout how long to wait for the answer, in milliseconds
 */
export async function ask(
  path: string,
  protocol: ProtocolOption,
  request: UserRequest,
  timeout: number,
): Promise<Result & { readonly protocol: ProtocolName }> {
  if (protocol !== 'auto') return { ...(await askIn(path, protocol, request, timeout)), protocol };
  const result = await askIn(path, 'native', request, timeout);
  // The path does not show which protocol the socket is set to.
  if ('other' in result && result.other !== undefined) {
    const answer = await askIn(path, result.other, request, timeout);
    if (answer.kind === 'answered') return { ...answer, protocol: result.other };
  }
  return { ...result, protocol: 'native' };
}

function askIn(path: string, protocol: ProtocolName, request: UserRequest, timeout: number): Promise<Result> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const dialog = protocol === 'native' ? nativeDialog(request) : plainDialog(protocol, request);
    let sentAt = 0;
    let received = Buffer.alloc(0);
    const send = (bytes: string | Buffer): void => {
      sentAt = performance.now();
      socket.write(bytes);
    };
    const settle = (result: Result): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const fail = (kind: 'silent' | 'closed' | 'unexpected'): void => {
      settle({ kind, other: otherProtocol(received) });
    };
    const timer = setTimeout(fail, timeout, 'silent');
    socket.on('connect', () => {
      send(dialog.start);
    });
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      const result = dialog.read(received, send);
      if (result === 'unexpected') fail(result);
      else if (result !== undefined)
        settle({ kind: 'answered', ...result, milliseconds: performance.now() - sentAt });
    });
    socket.on('end', () => {
      fail(received.length > 0 ? 'unexpected' : 'closed');
    });
    socket.on('error', (error) => {
      if (sentAt > 0) fail('closed');
      else settle({ kind: 'unreachable', code: String(codeOf(error)) });
    });
  });
}

/** Returns the protocol in which xtokend gives this reply to the version. Another program must not get the token. */
function otherProtocol(reply: Buffer): ProtocolName | undefined {
  if (reply.equals(NO)) return 'generic';
  return reply.length === 0 ? 'ejabberd' : undefined;
}

/** What to send in one protocol, and how to read the answer. */
interface Dialog {
  readonly start: string | Buffer;
  /** Reads all bytes received so far. Returns `undefined` if the answer is not complete. */
  readonly read: (received: Buffer, send: (text: string) => void) => Answer | 'unexpected' | undefined;
}

function plainDialog(protocol: 'generic' | 'ejabberd', request: UserRequest): Dialog {
  const codec = protocols[protocol].createCodec();
  const yes = codec.encode(undefined, undefined);
  const no = codec.encode(undefined, { reason: '', kind: undefined });
  return {
    start: frame(protocol, formatRequest(request)),
    read: (received) => {
      if (received.equals(yes)) return { accepted: true };
      if (received.equals(no)) return { accepted: false };
      return received.length >= yes.length ? 'unexpected' : undefined;
    },
  };
}

function frame(protocol: 'generic' | 'ejabberd', request: string): Buffer {
  if (protocol === 'generic') return Buffer.from(`${request}\n`);
  const body = Buffer.from(request);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([length, body]);
}

/** Sends the request only after the version: another program must not get the token. */
function nativeDialog(request: UserRequest): Dialog {
  let isSent = false;
  return {
    start: VERSION_LINE,
    read: (received, send) => {
      if (received.length > 2 * MAX_REQUEST_BYTES) return 'unexpected';
      const [versionLine, answerLine] = received.toString().split('\n').slice(0, -1);
      if (versionLine === undefined) return undefined;
      const version = parseReply(versionLine);
      if (version?.kind !== 'version' || version.major !== 1) return 'unexpected';
      if (!isSent) send(encodeRequest(1, request));
      isSent = true;
      if (answerLine === undefined) return undefined;
      const answer = parseReply(answerLine);
      if (answer?.kind === 'ok' && answer.id === 1) return { accepted: true };
      if (answer?.kind === 'fail' && answer.id === 1) return { accepted: false, reason: answer.reason };
      return 'unexpected';
    },
  };
}
