import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';

/** A login with a token or a password. */
export interface NativeLogin {
  readonly user: string;
  readonly host?: string;
  readonly password: string;
  /** The address of the client; by default, none is sent. */
  readonly client?: string | undefined;
}

/** The answer to a login. */
export interface NativeAnswer {
  /** `accepted`, or the reason of the refusal. */
  readonly outcome: string;
  readonly milliseconds: number;
}

/** A connection in the native protocol, on which many logins can wait at the same time. */
export class NativeConnection {
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (outcome: string) => void>();
  #lastId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    createInterface(socket).on('line', (line) => {
      const [status, id = '', reason = ''] = line.split('\t');
      if (status === 'VERSION') return;
      this.#waiting.get(id)?.(status === 'OK' ? 'accepted' : reason.replace('reason=', ''));
      this.#waiting.delete(id);
    });
  }

  /** @param path of the socket */
  static async open(path: string): Promise<NativeConnection> {
    const socket = connect(path);
    await once(socket, 'connect');
    socket.write('VERSION\t1\t0\n');
    // The daemon may be killed.
    socket.on('error', () => undefined);
    return new NativeConnection(socket);
  }

  /** The number of logins without an answer. */
  get pending(): number {
    return this.#waiting.size;
  }

  logIn({ user, host = 'example.com', password, client }: NativeLogin): Promise<NativeAnswer> {
    const id = String((this.#lastId += 1));
    const address = client === undefined ? '' : `\trip=${client}`;
    const start = performance.now();
    this.#socket.write(`AUTH\t${id}\t${user}\t${host}\tpassword=${password}${address}\n`);
    return new Promise((resolve) => {
      this.#waiting.set(id, (outcome) => {
        resolve({ outcome, milliseconds: performance.now() - start });
      });
    });
  }

  /** Returns the outcome of a login. */
  async outcomeOf(login: NativeLogin): Promise<string> {
    return (await this.logIn(login)).outcome;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Logs in, with some logins at a time. Returns the answers in the order of the logins. */
export async function logInAll(
  connection: NativeConnection,
  logins: readonly NativeLogin[],
  atATime: number,
): Promise<NativeAnswer[]> {
  const answers: NativeAnswer[] = [];
  let next = 0;
  const logInNext = async (): Promise<void> => {
    for (let index = next++; index < logins.length; index = next++) {
      const login = logins[index];
      if (login !== undefined) answers[index] = await connection.logIn(login);
    }
  };
  await Promise.all(Array.from({ length: atATime }, logInNext));
  return answers;
}

/** Returns how often each outcome occurs. */
export function countsOf(answers: readonly NativeAnswer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of answers) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
