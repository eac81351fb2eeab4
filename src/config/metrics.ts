import type { Problem } from './errors.js';
import type { MetricsTable } from './schema.js';

/** Where metrics are served: over TCP, with the names besides `host` by which they may be asked for, or on a Unix socket. */
export type MetricsAddress =
  | { readonly host: string; readonly port: number; readonly hosts: readonly string[] }
  | { readonly path: string };

const MAX_PORT = 65_535;

/** Reads the table `[metrics]`. @returns the address, or what is wrong with it */
export function readMetrics({ listen, hosts = [] }: MetricsTable): MetricsAddress | Problem {
  const [, path] = /^unix:(\/.+)$/.exec(listen) ?? [];
  if (path !== undefined) return { path };
  const [, v6, host = v6, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(listen) ?? [];
  if (host !== undefined && Number(port) >= 1 && Number(port) <= MAX_PORT)
    return readNames(hosts) ?? { host, port: Number(port), hosts };
  return {
    where: 'metrics.listen',
    message: 'expected HOST:PORT, such as "127.0.0.1:9477", or "unix:/path"',
  };
}

function readNames(hosts: readonly string[]): Problem | undefined {
  if (hosts.every((name) => /^[\w.-]+$/.test(name))) return undefined;
  return {
    where: 'metrics.hosts',
    message: 'expected names without a port, such as ["metrics.example.com"]; addresses need not be listed',
  };
}
