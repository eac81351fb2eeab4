import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy on loopback that can be cut, like a network. */
export class CutProxy {
  port = 0;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #server = createServer();

  private constructor(target: number) {
    this.#target = target;
  }

  /** @param target the port on loopback to which it connects */
  static async start(target: number): Promise<CutProxy> {
    const proxy = new CutProxy(target);
    await proxy.restore();
    return proxy;
  }

  /** Ends all connections, and accepts no others. */
  async cut(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Accepts connections again, on the same port. */
  async restore(): Promise<void> {
    this.#server = createServer((socket) => {
      this.#forward(socket);
    }).listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (this.#server.listening) await this.cut();
  }

  #forward(socket: Socket): void {
    const upstream = connect(this.#target, '127.0.0.1');
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(from);
      from.pipe(to);
      from
        .on('error', () => undefined)
        .on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
    }
  }
}
