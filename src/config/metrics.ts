import type { Problems } from './errors.js';
import type { MetricsTable } from './schema.js';

/** Where metrics are served: over TCP, with the names besides `host` that a request may use, or on a Unix socket. */
export type MetricsAddress =
  | { readonly host: string; readonly port: number; readonly hosts: readonly string[] }
  | { readonly path: string };

const MAX_PORT = 65_535;

/** Reads the table `[metrics]`. */
export function readMetrics({ listen, hosts = [] }: MetricsTable, problems: Problems): MetricsAddress {
  const [, path] = /^unix:(\/.+)$/.exec(listen) ?? [];
  if (path !== undefined) return { path };
  const [, v6, host = v6 ?? '', digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(listen) ?? [];
  const port = Number(digits);
  if (!(port >= 1 && port <= MAX_PORT)) {
    problems.add(['metrics', 'listen'], 'expected HOST:PORT, such as "127.0.0.1:9477", or "unix:/path"');
  } else if (!hosts.every((name) => /^[\w.-]+$/.test(name))) {
    const expected = 'expected names without a port, such as ["metrics.example.com"]';
    problems.add(['metrics', 'hosts'], `${expected}. Addresses need not be listed`);
  }
  return { host, port, hosts };
}
