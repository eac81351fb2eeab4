import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { onTestFinished } from 'vitest';

/** Answers one request. @param text the request, with its body */
export type Respond = (socket: Socket, text: string, count: number) => void;

/** Answers with bytes that a test chooses, also with what no web server would send. */
export class RawServer {
  /** All requests, in order. */
  readonly requests: string[] = [];
  /** Sent, before the end of the connection, in reply to the first bytes of what is no HTTP. */
  answerUnparsed: string | undefined;
  /** How many connections were opened. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(respond: Respond, tls?: TlsOptions) {
    const serve = (socket: Socket): void => {
      this.#serve(socket, respond);
    };
    this.#server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
    this.#server.on('tlsClientError', () => undefined);
  }

  static async start(respond: Respond, tls?: TlsOptions): Promise<RawServer> {
    const server = new RawServer(respond, tls);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    onTestFinished(() => {
      server.stop();
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/auth`;
  }

  /** How many connections are open. */
  get open(): number {
    return this.#sockets.size;
  }

  stop(): void {
    this.#server.close();
    this.dropAll();
  }

  dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket, respond: Respond): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (this.answerUnparsed !== undefined && !text.startsWith('POST')) socket.end(this.answerUnparsed);
      for (let length = lengthOf(text); length <= text.length; length = lengthOf(text)) {
        const request = text.slice(0, length);
        text = text.slice(length);
        this.requests.push(request);
        respond(socket, request, this.requests.length);
      }
    });
  }
}

/** Returns the length of the first request, or infinity if its headers are incomplete. */
function lengthOf(text: string): number {
  const end = text.indexOf('\r\n\r\n');
  const [, length = '0'] = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, Math.max(end, 0))) ?? [];
  return end < 0 ? Infinity : end + 4 + Number(length);
}

/** Returns a complete answer. */
export function answer(status: number | string, body: string, headers: readonly string[] = []): string {
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return [`HTTP/1.1 ${status} X`, ...headers, length, '', body].join('\r\n');
}

export const YES = '{"accepted": true}';
export const NO = '{"accepted": false}';
