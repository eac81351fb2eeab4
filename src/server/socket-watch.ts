import type { ListeningSocket } from './unix-socket.js';

/** A look takes a few µs. */
const LOOK_MILLISECONDS = 1000;

/** What {@link watchSocket} reports: a message for the log. */
export interface SocketWatch {
  /** The file was removed. Who is connected can go on, so nothing else is to be done. */
  readonly onRemoved: (message: string) => void;
  /** Another process has the path. Reported once. */
  readonly onReplaced: (message: string) => void;
}

/**
 * Looks once a second whether the path of a socket still leads to it.
 *
 * @returns a function that stops watching
 */
export function watchSocket(
  { place }: Pick<ListeningSocket, 'place'>,
  { onRemoved, onReplaced }: SocketWatch,
): () => void {
  let before = 'own';
  const timer = setInterval(() => {
    const found = place();
    if (found === 'gone' && before !== 'gone') {
      onRemoved('socket file removed by another process; nobody can connect until xtokend is restarted');
    }
    before = found;
    if (found !== 'replaced') return;
    clearInterval(timer);
    onReplaced('socket replaced by another process; closing this listener');
  }, LOOK_MILLISECONDS).unref();
  return () => {
    clearInterval(timer);
  };
}
