import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { join } from 'node:path';
import { end } from '../../test/support/processes.js';
import type { Way } from './c-client.js';
import type { Client, Turns } from './client.js';

let ways = 0;

/** Asks as a program in Node does, by streams; what it takes for itself is in the figures. It opens no terminals. */
export class NodeClient implements Client {
  readonly #to: Socket;
  readonly #from: Socket;
  readonly #child: ChildProcess | undefined;
  #onAnswer: (answer: string) => void = () => undefined;

  private constructor(to: Socket, from: Socket, child?: ChildProcess) {
    [this.#to, this.#from, this.#child] = [to, from, child];
    let received = '';
    from.setEncoding('latin1').on('data', (text: string) => {
      received += text;
      if (!received.endsWith('\n')) return;
      const answer = received;
      received = '';
      this.#onAnswer(answer);
    });
    from.on('close', () => {
      this.#onAnswer('closed');
    });
  }

  static async open(directory: string, way: Way, env: NodeJS.ProcessEnv): Promise<NodeClient> {
    if (way.transport === 'socket') {
      const socket = connect(way.path);
      await once(socket, 'connect');
      return new NodeClient(socket, socket);
    }
    return openPipes(directory, way.command, env, (...ends) => new NodeClient(...ends));
  }

  async turns(requests: string): Promise<Turns> {
    const lines = requests.split(/(?<=\n)/);
    const nanoseconds = new Uint32Array(lines.length);
    const seen = { accepted: 0, refused: 0, other: 0 };
    for (const [index, line] of lines.entries()) {
      const before = process.hrtime.bigint();
      const answer = await this.#ask(line);
      nanoseconds[index] = Number(process.hrtime.bigint() - before);
      seen[answer === '1\n' ? 'accepted' : answer === '0\n' ? 'refused' : 'other'] += 1;
    }
    return { nanoseconds, ...seen };
  }

  async close(): Promise<void> {
    this.#to.destroy();
    this.#from.destroy();
    if (this.#child !== undefined) await end(this.#child);
  }

  #ask(line: string): Promise<string> {
    return new Promise((resolve) => {
      this.#onAnswer = resolve;
      this.#to.write(line);
    });
  }
}

/** What Node calls a pipe to a child is a pair of sockets; these are pipes, as a server makes them. */
function openPipes(
  directory: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  create: (to: Socket, from: Socket, child: ChildProcess) => NodeClient,
): NodeClient {
  ways += 1;
  const [requests, answers] = [join(directory, `in-${ways}`), join(directory, `out-${ways}`)];
  if (spawnSync('mkfifo', [requests, answers]).status !== 0) throw new Error('expected mkfifo to make pipes');
  const redirected = 'exec "$@" <"$REQUESTS" >"$ANSWERS"';
  const child = spawn('sh', ['-c', redirected, 'sh', ...command], {
    env: { PATH: process.env['PATH'], ...env, REQUESTS: requests, ANSWERS: answers },
    stdio: 'ignore',
  });
  // Each open() waits for the other end.
  const to = new Socket({ fd: openSync(requests, 'w'), readable: false, writable: true });
  const from = new Socket({ fd: openSync(answers, 'r'), readable: true, writable: false });
  return create(to, from, child);
}
