import * as http from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import * as https from 'node:https';
import { isIP } from 'node:net';

/** An answer of the application. */
export interface HttpAnswer {
  readonly status: number;
  /** The header `Content-Encoding`. */
  readonly encoding: string | undefined;
  /** `undefined` if it is longer than {@link MAX_BODY_BYTES}. */
  readonly body: Buffer | undefined;
}

/** What an exchange waits for, for messages. */
export type Phase = 'address' | 'connection' | 'TLS handshake' | 'answer' | 'rest';

/** An exchange that failed. */
export class ExchangeError extends Error {
  readonly phase: Phase;

  constructor(phase: Phase, cause: unknown) {
    super('the exchange failed', { cause });
    this.phase = phase;
  }
}

export const MAX_BODY_BYTES = 4096;

/**
 * Sends a request, and returns the answer.
 *
 * @param options an https: request if `protocol` is `https:`
 * @param signal bounds the whole exchange
 * @param onStart receives a function that ends the exchange with an error
 * @throws {@link ExchangeError}
 */
export function exchange(
  options: https.RequestOptions,
  body: Buffer,
  signal: AbortSignal,
  onStart: (cancel: (reason: Error) => void) => void,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = (options.protocol === 'https:' ? https : http).request(options);
    const progress = new Progress(request);
    const onAbort = (): void => {
      fail(signal.reason);
    };
    const succeed = (answer: HttpAnswer): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(answer);
    };
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      const { phase } = progress;
      request.destroy();
      reject(new ExchangeError(phase, error));
    };
    signal.addEventListener('abort', onAbort);
    request.on('error', fail);
    // Without this, an answer with status 101 would be no answer at all.
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      succeed({ status: response.statusCode ?? 0, encoding: undefined, body: Buffer.alloc(0) });
    });
    request.on('response', (response) => {
      read(response).then((answer) => {
        if (!response.readableEnded) request.destroy();
        succeed(answer);
      }, fail);
    });
    onStart(fail);
    if (signal.aborted) onAbort();
    else request.end(body);
  });
}

async function read(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const head = { status: response.statusCode ?? 0, encoding: response.headers['content-encoding'] };
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return { ...head, body: undefined };
    chunks.push(chunk);
  }
  return { ...head, body: Buffer.concat(chunks) };
}

/** Follows how far a request gets. */
class Progress {
  phase: Phase = 'address';

  constructor(request: ClientRequest) {
    request.on('socket', (socket) => {
      const isTls = 'encrypted' in socket;
      this.phase = isIP(request.host) === 0 ? 'address' : 'connection';
      socket.once('lookup', () => (this.phase = 'connection'));
      socket.once('connect', () => (this.phase = isTls ? 'TLS handshake' : 'answer'));
      socket.once('secureConnect', () => (this.phase = 'answer'));
    });
    request.on('response', () => (this.phase = 'rest'));
  }
}
