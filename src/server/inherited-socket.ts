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
 * @throws {@link ListenError} where the descriptor is anything but a listening Unix socket of type stream that has a file
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
  if (!hasFile(descriptor)) {
    server.close();
    throw new ListenError(
      label,
      `${EXPECTED}, found one without a file (ListenStream=@name), which any user of this machine may ask`,
    );
  }
  return server.removeAllListeners('error');
}

/**
 * Whether a listening Unix socket has a file, whose permissions say who may connect. Those with an abstract name (unix(7)) and
 * without a name have none. Node tells the name of a socket that it didn't bind itself in its report only.
 */
function hasFile(descriptor: number): boolean {
  // Otherwise it looks up the host names of all connections over TCP, and waits for them.
  Object.assign(process.report, { excludeNetwork: true });
  const { libuv } = process.report.getReport() as { readonly libuv: readonly Handle[] };
  return libuv.some(({ fd, localEndpoint }) => fd === descriptor && localEndpoint?.startsWith('/') === true);
}

interface Handle {
  readonly fd?: number;
  readonly localEndpoint?: string | null;
}

const EXPECTED = 'expected a listening Unix socket, as a unit makes by ListenStream=/path with Accept=no';
