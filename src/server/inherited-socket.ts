import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { messageOf } from '../errors.js';
import { ListenError } from './unix-socket.js';

/** A socket that systemd has opened, and that stays open when this process ends. */
export interface InheritedSocket {
  readonly descriptor: number;
  /** Its name in messages. */
  readonly label: string;
}

const EXPECTED = 'expected a listening Unix socket, as a unit makes by ListenStream=/path with Accept=no';

/**
 * Listens on a socket that systemd has opened (sd_listen_fds(3)). When the server is closed the socket stays, and connections
 * that were not accepted yet wait for the next process.
 *
 * @throws {@link ListenError} if the descriptor is anything but a listening Unix socket of type stream that has a file
 */
export async function listenInherited({ descriptor, label }: InheritedSocket): Promise<Server> {
  const server = createServer({ allowHalfOpen: true });
  try {
    // Another listen(2) changes nothing on a listening socket, and fails on a file, a connection or datagrams.
    server.listen({ fd: descriptor });
    await once(server, 'listening');
  } catch (error) {
    throw new ListenError(label, `${EXPECTED}, found something else (${messageOf(error)})`, { cause: error });
  }
  const isTcp = server.address() !== null && typeof server.address() === 'object';
  if (isTcp || !hasFile(descriptor)) {
    server.close();
    const found = isTcp ? 'a TCP socket' : 'one without a file (ListenStream=@name)';
    throw new ListenError(label, `${EXPECTED}, found ${found}, which any user of this machine can use`);
  }
  return server;
}

/**
 * Whether a listening Unix socket has a file, whose permissions control who can connect. Sockets with an abstract name
 * (unix(7)) or none have no file. Node gives the name of a socket that it didn't bind only in its report.
 */
function hasFile(descriptor: number): boolean {
  // Otherwise the report waits for a lookup of the host names of all TCP connections.
  Object.assign(process.report, { excludeNetwork: true });
  const { libuv } = process.report.getReport() as {
    readonly libuv: readonly { readonly fd?: number; readonly localEndpoint?: string | null }[];
  };
  return libuv.some(({ fd, localEndpoint }) => fd === descriptor && localEndpoint?.startsWith('/') === true);
}
