import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { MetricsAddress } from '../config/metrics.js';
import { codeOf, messageOf } from '../errors.js';
import { isOwnHost } from './host.js';
import { withoutSecrets } from '../log/known-secrets.js';
import { listenUnix } from '../server/unix-socket.js';

/** Prometheus needs one; more than so many are closed at once. */
const MAX_CONNECTIONS = 16;
/** No connection lives longer, whatever comes or goes on it; each is for one answer. */
const CONNECTION_MILLISECONDS = 5000;
/** Who may write to the socket file may connect. */
const SOCKET_MODE = 0o660;

const NOT_OWN_HOST =
  'expected the address or name of this listener in Host; add the name by which you ask to metrics.hosts\n';

/**
 * Answers `GET /metrics` over HTTP. It does not keep the process alive.
 *
 * @param render gives the text of all metrics
 * @returns a function that ends it, and all its connections
 * @throws where nobody can listen at the address: the message says why
 */
export async function serveMetrics(
  address: MetricsAddress,
  render: () => Promise<string>,
): Promise<() => void> {
  const server = createServer((request, response) => {
    if (isOwnHost(request.headers.host, address)) void answer(request, response, render);
    else send(response, 421, NOT_OWN_HOST);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (socket) => {
    socket.unref();
    setTimeout(() => {
      socket.destroy();
    }, CONNECTION_MILLISECONDS).unref();
  });
  const remove = await listen(server, address);
  // Such as too many open files: the connection is lost, and there is another in a few seconds.
  server.on('error', () => undefined).unref();
  return () => {
    remove();
    server.close();
    server.closeAllConnections();
  };
}

/** @returns a function that takes the socket file away */
async function listen(server: Server, address: MetricsAddress): Promise<() => void> {
  if ('path' in address) return (await listenUnix({ path: address.path, mode: SOCKET_MODE }, server)).remove;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(address.port, address.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw new Error(`cannot listen on ${address.host}:${address.port}: ${explain(error)}`, { cause: error });
  }
  return () => undefined;
}

const DROP_IN =
  'under systemd install the drop-in metrics-tcp.conf (docs/metrics.md), or use a Unix socket ("unix:/path")';
const NO_TCP = `this process may not use TCP, as under a unit with RestrictAddressFamilies=AF_UNIX; ${DROP_IN}`;

const explanations: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'another process listens there; where that is an xtokend with the same configuration, only one of them can',
  EADDRNOTAVAIL: `this machine has no such address, nor has a unit with PrivateNetwork=yes; ${DROP_IN}`,
  EAFNOSUPPORT: NO_TCP,
  EPERM: NO_TCP,
  EACCES: 'this user may not take that port; choose one above 1023',
  EPROTONOSUPPORT: NO_TCP,
  ENOTFOUND: 'there is no host of this name; name an address, such as 127.0.0.1',
};

function explain(error: unknown): string {
  return explanations[String(codeOf(error))] ?? messageOf(error);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  render: () => Promise<string>,
): Promise<void> {
  const [path] = (request.url ?? '').split('?');
  if (path !== '/metrics') send(response, 404, 'expected /metrics\n');
  else if (request.method !== 'GET') send(response, 405, 'expected GET\n', { Allow: 'GET' });
  else {
    try {
      const text = await render();
      send(response, 200, text, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
    } catch (error) {
      send(response, 500, `${withoutSecrets(messageOf(error))}\n`);
    }
  }
}

function send(response: ServerResponse, status: number, text: string, headers = {}): void {
  const common = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(text) };
  response.writeHead(status, { ...common, Connection: 'close', ...headers }).end(text);
}
