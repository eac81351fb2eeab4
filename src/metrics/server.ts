import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { MetricsAddress } from '../config/metrics.js';
import { codeOf, messageOf } from '../errors.js';
import { withoutSecrets } from '../system/known-secrets.js';
import { listenUnix } from '../server/unix-socket.js';

/** Prometheus needs one; connections beyond the limit are closed at once. */
const MAX_CONNECTIONS = 16;
/** The longest life of a connection, even if it is active; each serves one response. */
const CONNECTION_MILLISECONDS = 5000;
/** The owner and the group of the socket file can connect. */
const SOCKET_MODE = 0o660;
/** Prometheus scrapes every few seconds; a client that scrapes more often gets the cached text. */
const CACHE_MILLISECONDS = 1000;

const NOT_OWN_HOST =
  'expected the address or a name of this listener in Host; add the name that you use to metrics.hosts\n';

/**
 * Answers `GET /metrics` over HTTP. Doesn't keep the process alive.
 *
 * @param render returns the text of all metrics
 * @returns a function that closes the server and all its connections
 * @throws if the address can't be listened on; with the reason in its message
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
  // Ignore errors such as too many open files: Prometheus connects again in a few seconds.
  server.on('error', () => undefined).unref();
  return () => {
    remove();
    server.close();
    server.closeAllConnections();
  };
}

/**
 * Renders a text at most once a second, for all callers.
 *
 * @param clock monotonic milliseconds
 */
export function cacheText(
  render: () => Promise<string>,
  clock: () => number = () => performance.now(),
): () => Promise<string> {
  let cached: { readonly text: Promise<string>; readonly at: number } | undefined;
  return () => {
    const now = clock();
    if (cached === undefined || now - cached.at >= CACHE_MILLISECONDS) cached = { text: render(), at: now };
    return cached.text;
  };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/**
 * Returns whether a request names this listener in its `Host` header. A web page can point a name of its own at our address (DNS
 * rebinding) and read the response, but its browser sends that name. Caddy's admin endpoint has the same rule. A browser can't
 * connect to a Unix socket.
 *
 * @param header a name or an address, with or without a port
 */
export function isOwnHost(header: string | undefined, address: MetricsAddress): boolean {
  if ('path' in address) return true;
  const name = hostOf(header ?? '');
  if (isIP(name) !== 0) return !isLoopback(address.host) || isLoopback(name);
  return ['localhost', address.host, ...address.hosts].some((own) => own.toLowerCase() === name);
}

/** Returns a host without its port, brackets and final dot, or `''` for anything else. */
function hostOf(header: string): string {
  const [, v6, name = v6] = /^(?:\[([0-9a-f:.]+)\]|([^:]+?)\.?)(?::\d+)?$/.exec(header.toLowerCase()) ?? [];
  return name ?? '';
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 0) return host.toLowerCase() === 'localhost';
  return loopback.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}

/** @returns a function that removes the socket file */
async function listen(server: Server, address: MetricsAddress): Promise<() => void> {
  if ('path' in address) return (await listenUnix({ path: address.path, mode: SOCKET_MODE }, server)).remove;
  const { host, port } = address;
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new Error(`cannot listen on ${host}:${port}: ${explain(error)}`, { cause: error });
  }
  return () => undefined;
}

const DROP_IN =
  'under systemd, install the drop-in metrics-tcp.conf (`xtokend check` prints the command) or use a Unix socket ("unix:/path")';
const NO_TCP = `this process may not use TCP, as in a unit with RestrictAddressFamilies=AF_UNIX; ${DROP_IN}`;

const explanations: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'another process listens there; if it is an xtokend with the same configuration, only one of them can',
  EADDRNOTAVAIL: `this machine has no such address, nor does a unit with PrivateNetwork=yes; ${DROP_IN}`,
  EAFNOSUPPORT: NO_TCP,
  EPERM: NO_TCP,
  EACCES: 'this user may not use that port; choose one above 1023',
  EPROTONOSUPPORT: NO_TCP,
  ENOTFOUND: 'no host has this name; use an address, such as 127.0.0.1',
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
