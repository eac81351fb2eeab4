import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Returns the reply to a command in RESP, or an empty string for none. */
export type Reply = (command: string[], socket: Socket) => string;

/** A stand-in for a Redis server, with replies of the test. */
export class FakeRedis {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  reply: Reply;

  private constructor(reply: Reply) {
    this.reply = reply;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      let text = '';
      socket.on('data', (data) => {
        text += data.toString('latin1');
        let at = 0;
        for (let taken = takeCommand(text, at); taken !== undefined; taken = takeCommand(text, at)) {
          at = taken.end;
          socket.write(Buffer.from(this.reply(taken.command, socket), 'latin1'));
        }
        text = text.slice(at);
      });
    });
  }

  static async start(port: number, reply: Reply): Promise<FakeRedis> {
    const fake = new FakeRedis(reply);
    fake.#server.listen(port, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Parses an array of strings in RESP at an offset of a text. */
function takeCommand(text: string, start: number): { command: string[]; end: number } | undefined {
  const command: string[] = [];
  let at = start;
  const takeLength = (type: string): number | undefined => {
    const lineEnd = text.indexOf('\r\n', at);
    if (text[at] !== type || lineEnd === -1) return undefined;
    const length = Number(text.slice(at + 1, lineEnd));
    at = lineEnd + 2;
    return length;
  };
  const count = takeLength('*');
  if (count === undefined) return undefined;
  while (command.length < count) {
    const length = takeLength('$');
    if (length === undefined || text.length < at + length + 2) return undefined;
    command.push(text.slice(at, at + length));
    at += length + 2;
  }
  return { command, end: at };
}
