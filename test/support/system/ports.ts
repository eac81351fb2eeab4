import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type NetConnectOpts } from 'node:net';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Returns a TCP port that is free at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Returns whether a process accepts connections at an address. */
export function accepts(address: NetConnectOpts): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(address, () => {
      socket.destroy();
      settle(true);
    }).on('error', () => {
      settle(false);
    });
  });
}

/** The state of a socket that accepts connections, in /proc/PID/net/tcp. */
const LISTEN = '0A';

/** Returns the TCP ports on which a process accepts connections. */
export function openPortsOf(pid: number): number[] {
  const own = new Set(readdirSync(`/proc/${pid}/fd`).map((descriptor) => socketOf(pid, descriptor)));
  return ['tcp', 'tcp6']
    .flatMap((table) => readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTEN && own.has(`socket:[${inode}]`))
    .map(([, address = '']) => Number.parseInt(address.split(':')[1] ?? '', 16));
}

function socketOf(pid: number, descriptor: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    // The descriptor has been closed since.
    return '';
  }
}
