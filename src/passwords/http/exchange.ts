import * as http from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import * as https from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** An answer of the application. */
export interface HttpAnswer {
  readonly status: number;
  /** The header `Content-Encoding`. */
  readonly encoding: string | undefined;
  /** `undefined` if it is longer than {@link MAX_BODY_BYTES}. */
  readonly body: Buffer | undefined;
}

/** What an exchange waits for, for messages. */
export type Phase = 'free connection' | 'address' | 'connection' | 'TLS handshake' | 'answer' | 'rest';

/** An exchange that failed. */
export class ExchangeError extends Error {
  readonly phase: Phase;
  /** The connection was kept from an earlier request, and ended before a byte of an answer arrived. */
  readonly isStale: boolean;

  constructor(phase: Phase, isStale: boolean, cause: unknown) {
    super('the exchange failed', { cause });
    this.phase = phase;
    this.isStale = isStale;
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
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      const { phase } = progress;
      const isStale = !signal.aborted && progress.isStale;
      request.destroy();
      reject(new ExchangeError(phase, isStale, error));
    };
    signal.addEventListener('abort', onAbort);
    // A request that waits for a free connection emits nothing when it is destroyed, so `fail` doesn't rely on events.
    request.on('error', fail).on('response', (response) => {
      read(response).then((answer) => {
        signal.removeEventListener('abort', onAbort);
        if (!response.readableEnded) request.destroy();
        resolve(answer);
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
  phase: Phase = 'free connection';
  readonly #request: ClientRequest;
  #socket: Socket | undefined;
  #bytesBefore = 0;

  constructor(request: ClientRequest) {
    this.#request = request;
    request.on('socket', (socket) => {
      this.#socket = socket;
      this.#bytesBefore = socket.bytesRead;
      this.phase = 'answer';
      if (request.reusedSocket) return;
      const isTls = 'encrypted' in socket;
      this.phase = isIP(request.host) === 0 ? 'address' : 'connection';
      socket.once('lookup', () => (this.phase = 'connection'));
      socket.once('connect', () => (this.phase = isTls ? 'TLS handshake' : 'answer'));
      socket.once('secureConnect', () => (this.phase = 'answer'));
    });
    request.on('response', () => (this.phase = 'rest'));
  }

  get isStale(): boolean {
    return this.#request.reusedSocket && this.#socket?.bytesRead === this.#bytesBefore;
  }
}

interface AgentOptions {
  readonly keepAlive: boolean;
  readonly maxSockets: number;
  /** Closes a connection that has been idle for this time, in milliseconds. */
  readonly timeout: number;
}

/**
 * Returns an agent that closes an idle connection as soon as it receives anything: an application that answers one request twice
 * would otherwise answer the next request with it.
 */
export function guardedAgent(isTls: boolean, options: AgentOptions): http.Agent {
  const agent = isTls ? new https.Agent(options) : new http.Agent(options);
  // It returns whether to keep the connection, which its type lacks.
  const keep: (socket: Duplex) => unknown = agent.keepSocketAlive.bind(agent);
  const reuse = agent.reuseSocket.bind(agent);
  const guards = new WeakMap<Duplex, () => void>();
  agent.keepSocketAlive = (socket) => {
    const guard = (): void => {
      socket.destroy();
    };
    guards.set(socket, guard);
    socket.on('data', guard);
    return keep(socket);
  };
  agent.reuseSocket = (socket, request) => {
    const guard = guards.get(socket);
    if (guard !== undefined) socket.removeListener('data', guard);
    reuse(socket, request);
  };
  return agent;
}
