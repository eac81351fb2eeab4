import { setMaxListeners } from 'node:events';
import type { Server, Socket } from 'node:net';
import { messageOf } from '../errors.js';
import type { Framing } from '../protocol/framing.js';
import { serveStream } from './serve-stream.js';
import { listenInherited, type InheritedSocket } from './inherited-socket.js';
import { RequestBudget } from './request-budget.js';
import type { Decide, Observer } from './responder.js';
import { watchSocket, type SocketWatch } from './socket-watch.js';
import { listenUnix, type UnixAddress } from './unix-socket.js';

/** So many at once on each socket; a server of chats needs one for each of its hosts. */
const MAX_CONNECTIONS = 1024;
const REPEAT_AFTER_MILLISECONDS = 10_000;

/** A socket that is to be made, or one that was made for us, and how requests are written on it. */
export type Listener = (UnixAddress | InheritedSocket) & { readonly framing: Framing };

/** What {@link serveSockets} works with. */
export interface SocketsOptions {
  readonly listeners: readonly Listener[];
  readonly decide: Decide;
  /** @returns who is told of the requests that come in by a socket */
  readonly observe: (path: string) => Observer;
  /** Aborted when nobody is to be served any more. */
  readonly stop: AbortSignal;
  /** Is told of every socket that was opened: its path, or what else it is called. */
  readonly onListening: (path: string) => void;
  /** Is told that all sockets are open. */
  readonly onReady: () => void;
  /** Is told what keeps connections from being made. */
  readonly onWarning: (path: string, fault: string) => void;
}

/**
 * Answers requests on Unix sockets, until it is told to stop, or until another process has the path of each. Each connection is
 * answered in the order of its requests, and none waits for another.
 *
 * @returns once all that had come is answered; a second after it was told to stop at the latest
 * @throws ListenError where a socket cannot be opened; then none is left behind
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
    await Promise.race([aborted(options.stop), Promise.all(opened.map(({ closed }) => closed))]);
  } finally {
    await Promise.all(opened.map(({ close }) => close()));
  }
}

/** What the connections of all sockets share. */
type Shared = SocketsOptions & { readonly budget: RequestBudget };

interface Opened {
  /** Lets nobody in any more. @returns when the connections have ended */
  readonly close: () => Promise<void>;
  /** When it was closed because its path led elsewhere; otherwise never. */
  readonly closed: Promise<void>;
}

async function open(listener: Listener, options: Shared): Promise<Opened> {
  const { server, remove, watch } = await listen(listener);
  const name = nameOf(listener);
  const conversations = new Set<Promise<void>>();
  const ending = new AbortController();
  // Each connection listens to it.
  setMaxListeners(0, ending.signal);
  const shared = { ...options, observer: options.observe(name), stop: ending.signal };
  server.on('connection', (socket: Socket) => {
    const conversation = serveConnection(socket, listener, shared).finally(() =>
      conversations.delete(conversation),
    );
    conversations.add(conversation);
  });
  const onWarning = (fault: string): void => {
    options.onWarning(name, fault);
  };
  reportTroubles(server, onWarning);
  const close = async (): Promise<void> => {
    unwatch();
    ending.abort();
    server.close();
    try {
      remove();
    } catch (error) {
      onWarning(`cannot remove the socket file: ${messageOf(error)}`);
    }
    await Promise.all(conversations);
  };
  const lost = new AbortController();
  // Whoever has connected before would go on asking this process, and not the one that has the path now.
  const onReplaced = (message: string): void => {
    onWarning(message);
    void close().then(() => {
      lost.abort();
    });
  };
  const unwatch = watch({ onRemoved: onWarning, onReplaced });
  return { close, closed: aborted(lost.signal) };
}

type Watch = (events: SocketWatch) => () => void;

/** The file of an inherited socket is not ours to remove, nor to watch: whoever has opened it may put it elsewhere. */
async function listen(listener: Listener): Promise<{ server: Server; remove: () => void; watch: Watch }> {
  if ('path' in listener) {
    const socket = await listenUnix(listener);
    return { ...socket, watch: (events) => watchSocket(socket, events) };
  }
  return { server: await listenInherited(listener), remove: () => undefined, watch: () => () => undefined };
}

function nameOf(listener: Listener): string {
  return 'path' in listener ? listener.path : listener.label;
}

async function serveConnection(
  socket: Socket,
  { framing }: Listener,
  { decide, observer, budget, stop }: Shared & { readonly observer: Observer },
): Promise<void> {
  await serveStream({ input: socket, output: socket, framing, decide, observer, budget, stop });
  // All is written. What comes from now on is not read any more, so whoever writes it is to see that at once.
  if (stop.aborted) socket.destroy();
  else socket.destroySoon();
}

function reportTroubles(server: Server, onWarning: (fault: string) => void): void {
  let isSaid = false;
  server.maxConnections = MAX_CONNECTIONS;
  server.on('drop', () => {
    if (isSaid) return;
    onWarning(`there are ${MAX_CONNECTIONS} connections; more are closed at once`);
    isSaid = true;
    // Not for each one that is turned away.
    setTimeout(() => {
      isSaid = false;
    }, REPEAT_AFTER_MILLISECONDS).unref();
  });
  server.on('error', (error) => {
    onWarning(error.message);
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
    if (signal.aborted) resolve();
  });
}
