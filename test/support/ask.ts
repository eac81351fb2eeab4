import { once } from 'node:events';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';

/** Sends a request to a Unix socket, and returns the first chunk of the answer. */
export async function ask(path: string, request: string): Promise<string> {
  const socket = connect(path);
  onTestFinished(() => {
    socket.destroy();
  });
  socket.write(request);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return String(answer);
}
