import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { codeOf } from '../../../errors.js';
import { framings, type Protocol } from '../../../protocol/framings.js';

/** What came of a request to a running daemon. */
export type Outcome =
  | { readonly kind: 'answered'; readonly accepted: boolean; readonly milliseconds: number }
  /** `silent`: connected, but no answer in time; `closed`: nor will there be one; `strange`: something else came. */
  | { readonly kind: 'silent' | 'closed' | 'strange' }
  /** With the code of the system, such as ENOENT. */
  | { readonly kind: 'unreachable'; readonly code: string };

/**
 * Asks a daemon one thing, over its Unix socket.
 *
 * @param request as a chat server writes it, without what frames it
 * @param replyDeadline how long to wait for the answer, in milliseconds
 */
export function ask(
  path: string,
  protocol: Protocol,
  request: string,
  replyDeadline: number,
): Promise<Outcome> {
  const { answers } = framings[protocol];
  return new Promise((resolve) => {
    const socket = connect(path);
    let sentAt = 0;
    let received = Buffer.alloc(0);
    const settle = (outcome: Outcome): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(settle, replyDeadline, { kind: 'silent' });
    socket.on('connect', () => {
      sentAt = performance.now();
      socket.write(frame(protocol, request));
    });
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      const accepted = received.equals(answers.yes);
      if (accepted || received.equals(answers.no)) {
        settle({ kind: 'answered', accepted, milliseconds: performance.now() - sentAt });
      } else if (received.length >= answers.yes.length) settle({ kind: 'strange' });
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
