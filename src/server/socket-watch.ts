import type { ListeningSocket } from './unix-socket.js';

/** A look takes a few µs. */
const LOOK_MILLISECONDS = 1000;

const MESSAGES = {
  gone: 'socket file removed by another process; closing this listener',
  replaced: 'socket replaced by another process; closing this listener',
};

/**
 * Looks once a second whether the path of a socket still leads to it.
 *
 * @param onLost is told, once, that it does not: a message for the log
 * @returns a function that ends that
 */
export function watchSocket(
  { place }: Pick<ListeningSocket, 'place'>,
  onLost: (message: string) => void,
): () => void {
  const timer = setInterval(() => {
    const found = place();
    if (found === 'own') return;
    clearInterval(timer);
    onLost(MESSAGES[found]);
  }, LOOK_MILLISECONDS).unref();
  return () => {
    clearInterval(timer);
  };
}
