import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What the fake says to a command: RESP, or nothing. */
export type Reply = (command: string[], socket: Socket) => string;

/** A server in place of Redis, which answers as a test likes. */
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
        for (let taken = takeCommand(text); taken !== undefined; taken = takeCommand(text)) {
          text = taken.rest;
          socket.write(Buffer.from(this.reply(taken.command, socket), 'latin1'));
        }
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

/** Takes an array of strings off the beginning of a text. */
function takeCommand(text: string): { command: string[]; rest: string } | undefined {
  const [head, count] = /^\*(\d+)\r\n/.exec(text) ?? [];
  if (head === undefined) return undefined;
  let rest = text.slice(head.length);
  const command: string[] = [];
  while (command.length < Number(count)) {
    const [line, length] = /^\$(\d+)\r\n/.exec(rest) ?? [];
    if (line === undefined || rest.length < line.length + Number(length) + 2) return undefined;
    command.push(rest.slice(line.length, line.length + Number(length)));
    rest = rest.slice(line.length + Number(length) + 2);
  }
  return { command, rest };
}
