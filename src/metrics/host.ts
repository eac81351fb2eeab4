import { BlockList, isIP, isIPv6 } from 'node:net';
import type { MetricsAddress } from '../config/metrics.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/**
 * Whether a request was sent to this listener by one of its own names. A web page can point a name of its own at our address
 * (DNS rebinding), and read what its visitor's browser gets from there; but then the browser sends that name. The rule is that of
 * Caddy's admin endpoint. A browser can't connect to a Unix socket.
 *
 * @param header `Host` of the request: a name or an address, with or without a port
 */
export function isOwnHost(header: string | undefined, address: MetricsAddress): boolean {
  if ('path' in address) return true;
  const name = hostOf(header ?? '');
  if (isIP(name) !== 0) return !isLoopback(address.host) || isLoopback(name);
  return ['localhost', address.host, ...address.hosts].some((own) => own.toLowerCase() === name);
}

/** @returns a host without its port, brackets and final dot, or `''` for anything else */
function hostOf(header: string): string {
  const [, v6, name = v6] = /^(?:\[([0-9a-f:.]+)\]|([^:]+?)\.?)(?::\d+)?$/.exec(header.toLowerCase()) ?? [];
  return name ?? '';
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 0) return host.toLowerCase() === 'localhost';
  return loopback.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}
