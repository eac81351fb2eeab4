import { once, setMaxListeners } from 'node:events';
import type { Server, Socket } from 'node:net';
import { messageOf } from '../errors.js';
import type { Protocol } from '../protocol/protocol.js';
import { listenInherited, type InheritedSocket } from './inherited-socket.js';
import { RequestBudget } from './request-budget.js';
import type { RequestHandler } from './responder.js';
import { serveStream, type ServeStreamOptions } from './serve-stream.js';
import { listenUnix, type ListeningSocket, type UnixAddress } from './unix-socket.js';

/** How many connections each socket accepts; a chat server needs one for each of its hosts. */
const MAX_CONNECTIONS = 1024;
const REPEAT_AFTER_MILLISECONDS = 10_000;

/** A socket to open or an inherited one, and the protocol of its connections. */
export type Listener = (UnixAddress | InheritedSocket) & { readonly protocol: Protocol };

/** Options of {@link serveSockets}. */
export interface SocketsOptions extends RequestHandler {
  readonly listeners: readonly Listener[];
  /** Aborted to end. */
  readonly stop: AbortSignal;
  /** Called with the path or name of every socket that was opened. */
  readonly onListening: (path: string) => void;
  /** Called when all sockets are open. */
  readonly onReady: () => void;
  /** Called with a message for the log and its fields. */
  readonly onWarning: (message: string, fields: Readonly<Record<string, string | number>>) => void;
}

/**
 * Serves connections on Unix sockets, until `stop` is aborted, or until another process has the path of each. Each connection
 * gets its answers in order, independently of the others.
 *
 * @returns when all requests that arrived are answered, at most a second after `stop`
 * @throws ListenError if a socket cannot be opened; then all are closed
 */
export async function serveSockets(options: SocketsOptions): Promise<void> {
  const opened: Opened[] = [];
  const budget = new RequestBudget();
  try {
    for (const listener of options.listeners) {
      opened.push(await open(listener, { ...options, budget }));
      options.onListening(nameOf(listener));
    }
    options.onReady();
    await Promise.race([aborted(options.stop), Promise.all(opened.map(({ replaced }) => replaced))]);
  } finally {
    await Promise.all(opened.map(({ close }) => close()));
  }
}

interface Opened {
  /** Accepts no more connections. @returns when the existing ones have ended */
  readonly close: () => Promise<void>;
  /** Resolves when it was closed because another process has its path; otherwise never. */
  readonly replaced: Promise<void>;
}

/** What all connections share. */
type Shared = SocketsOptions & { readonly budget: RequestBudget };

async function open(listener: Listener, options: Shared): Promise<Opened> {
  const { server, remove, watch } = await listen(listener);
  const name = nameOf(listener);
  const stop = new AbortController();
  const stream = { ...options, listener: name, protocol: listener.protocol, stop: stop.signal };
  const connections = serveConnections(server, stream);
  const warn = (message: string, fields = {}): void => {
    options.onWarning(message, { path: name, ...fields });
  };
  warnOfConnections(server, warn);
  const replaced = new AbortController();
  const unwatch = watch({
    onRemoved: warn,
    onReplaced: (message, fields) => {
      warn(message, fields);
      // Connected servers would otherwise continue to use this process, and not the one that has the path now.
      void close().then(() => {
        replaced.abort();
      });
    },
  });
  const close = async (): Promise<void> => {
    unwatch();
    stop.abort();
    server.close();
    try {
      remove();
    } catch (error) {
      warn('cannot remove the socket file', { cause: messageOf(error) });
    }
    await Promise.all(connections);
  };
  return { close, replaced: aborted(replaced.signal) };
}

/** Serves each connection of a server. @returns the open ones */
function serveConnections(
  server: Server,
  options: Omit<ServeStreamOptions, 'input' | 'output'>,
): ReadonlySet<Promise<void>> {
  const { stop } = options;
  const connections = new Set<Promise<void>>();
  // Each connection adds a listener.
  setMaxListeners(0, stop);
  server.on('connection', (socket: Socket) => {
    const connection = serveStream({ ...options, input: socket, output: socket })
      .then(() => {
        // After `stop` nothing more is read, and the client must see that at once.
        if (stop.aborted) socket.destroy();
        else socket.destroySoon();
      })
      .finally(() => connections.delete(connection));
    connections.add(connection);
  });
  return connections;
}

/** Does not remove or watch the file of an inherited socket: it belongs to systemd. */
async function listen(listener: Listener): Promise<ListeningSocket> {
  if ('path' in listener) return listenUnix(listener);
  return { server: await listenInherited(listener), remove: () => undefined, watch: () => () => undefined };
}

function nameOf(listener: Listener): string {
  return 'path' in listener ? listener.path : listener.label;
}

type Warn = (message: string, fields?: Readonly<Record<string, string | number>>) => void;

function warnOfConnections(server: Server, warn: Warn): void {
  let hasWarned = false;
  server.maxConnections = MAX_CONNECTIONS;
  server.on('drop', () => {
    if (hasWarned) return;
    warn('connection limit reached; closing new connections', { limit: MAX_CONNECTIONS });
    hasWarned = true;
    setTimeout(() => {
      hasWarned = false;
    }, REPEAT_AFTER_MILLISECONDS).unref();
  });
  server.on('error', (error) => {
    warn('cannot accept connections', { cause: error.message });
  });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
