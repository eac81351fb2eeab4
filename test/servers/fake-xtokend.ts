import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

/** A request of the native protocol. */
export interface NativeRequest {
  readonly operation: string;
  readonly id: string;
  /** The fields after the id. */
  readonly fields: readonly string[];
  /** The first field of a login or a question about a user. */
  readonly user: string;
}

/** Listens at the path of xtokend's socket until the test ends, and gives a test each connection. */
export async function listenAt(path: string, serve: (socket: Socket) => void): Promise<void> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    serve(socket);
  }).listen(path);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
}

/**
 * Answers a connection in the native protocol, after the handshake. No user who is logged in is blocked.
 *
 * @param answer writes lines without the line feed
 */
export function answerNative(
  socket: Socket,
  answer: (request: NativeRequest, write: (line: string) => void) => void,
): void {
  const write = (line: string): void => {
    socket.write(`${line}\n`);
  };
  createInterface(socket).on('line', (line) => {
    const [operation = '', id = '', ...fields] = line.split('\t');
    if (operation === 'VERSION') write('VERSION\t1\t0');
    else if (operation === 'RECHECK') write(`OK\t${id}\tversion=1`);
    else answer({ operation, id, fields, user: fields[0] ?? '' }, write);
  });
}
