import type { Problem } from './errors.js';
import type { MetricsTable } from './schema.js';

/** Where metrics can be had. */
export type MetricsAddress = { readonly host: string; readonly port: number } | { readonly path: string };

const MAX_PORT = 65_535;

/** Reads the table `[metrics]`. @returns the address, or what is wrong with it */
export function readMetrics({ listen }: MetricsTable): MetricsAddress | Problem {
  const [, path] = /^unix:(\/.+)$/.exec(listen) ?? [];
  if (path !== undefined) return { path };
  const [, v6, host = v6, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(listen) ?? [];
  if (host !== undefined && Number(port) >= 1 && Number(port) <= MAX_PORT)
    return { host, port: Number(port) };
  return {
    where: 'metrics.listen',
    message: 'expected HOST:PORT, such as "127.0.0.1:9477", or "unix:/path"',
  };
}
