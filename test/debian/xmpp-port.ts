import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import type { BootedMachine } from '../support/system/booted-machine.js';

/** Runs in the network of the machine, and connects a Unix socket, which does not belong to a network, with Prosody. */
const RELAY = `
  const { connect, createServer } = require('node:net');
  const { pipeline } = require('node:stream');
  createServer((client) => {
    const server = connect(5222, '127.0.0.1');
    pipeline(client, server, client, () => undefined);
  }).listen(process.argv[1], () => console.log('listening'));`;

/** A port of this machine that leads to Prosody's port 5222 on another. */
export class XmppPort {
  readonly #relay: ChildProcess;
  readonly #server: Server;

  private constructor(relay: ChildProcess, server: Server) {
    this.#relay = relay;
    this.#server = server;
  }

  static async open(machine: BootedMachine): Promise<XmppPort> {
    // The certificate is self-signed, and @xmpp/client has no setting for that.
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    const path = join(machine.directory, 'xmpp.sock');
    const relay = machine.spawnInNetwork(
      [process.execPath, '-e', RELAY, path],
      ['ignore', 'pipe', 'inherit'],
    );
    if (relay.stdout !== null) await once(relay.stdout, 'data');
    const server = createServer((client) => {
      const connection = connect(path);
      pipeline(client, connection, client, () => undefined);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new XmppPort(relay, server);
  }

  /** The address for a client. */
  get service(): string {
    return `xmpp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#relay.kill('SIGKILL');
  }
}
