import { createServer, type Server } from 'node:net';
import { messageOf } from '../errors.js';
import { ListenError } from './unix-socket.js';

/** A socket that was opened by whoever started us, and that stays theirs. */
export interface InheritedSocket {
  readonly descriptor: number;
  /** What it is called in messages. */
  readonly label: string;
}

/**
 * Takes up a listening socket that systemd has opened (sd_listen_fds(3)). When the server is closed the socket stays, with all
 * who have connected but were not let in yet: they wait for the next process.
 *
 * @throws {@link ListenError} where the descriptor is anything but a listening Unix socket of type stream
 */
export async function listenInherited({ descriptor, label }: InheritedSocket): Promise<Server> {
  const server = createServer({ allowHalfOpen: true });
  try {
    await new Promise<void>((resolve, reject) => {
      // listen(2) on it once more changes nothing where it listens, and fails on what cannot: a file, a connection, datagrams.
      server.once('error', reject).listen({ fd: descriptor }, resolve);
    });
  } catch (error) {
    throw new ListenError(label, `${EXPECTED}, found something else (${messageOf(error)})`, { cause: error });
  }
  if (server.address() !== null && typeof server.address() === 'object') {
    server.close();
    throw new ListenError(label, `${EXPECTED}, found a TCP socket, which anybody on the machine may ask`);
  }
  return server.removeAllListeners('error');
}

const EXPECTED = 'expected a listening Unix socket, as a unit makes by ListenStream=/path with Accept=no';
