import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

/** A request of the native protocol. */
export interface NativeRequest {
  readonly operation: string;
  readonly id: string;
  readonly user: string;
  readonly parameters: readonly string[];
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

/** Answers a connection in the native protocol, after the handshake. @param answer writes lines without the line feed */
export function answerNative(
  socket: Socket,
  answer: (request: NativeRequest, write: (line: string) => void) => void,
): void {
  const write = (line: string): void => {
    socket.write(`${line}\n`);
  };
  createInterface(socket).on('line', (line) => {
    const [operation = '', id = '', user = '', , ...parameters] = line.split('\t');
    if (operation === 'VERSION') write('VERSION\t1\t0');
    else answer({ operation, id, user, parameters }, write);
  });
}
