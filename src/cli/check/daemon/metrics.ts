import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import type { MetricsAddress } from '../../../config/metrics.js';
import { codeOf, messageOf } from '../../../errors.js';
import { installDropIn } from '../../shared/drop-in.js';
import { findExposure } from '../../../system/trusted-path.js';
import { trustedWith } from '../configuration/trusted-users.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import { isRunning } from '../sockets/ask.js';

const { ok, warning } = findings('metrics');

const TIMEOUT_MILLISECONDS = 2000;
const MAX_PAGE_CHARACTERS = 1_000_000;

/** Tests the address for metrics: it is free, or a running xtokend serves them. */
export async function checkMetrics(situation: Situation): Promise<Finding[]> {
  const address = situation.configuration?.metrics;
  if (address === undefined) return [];
  if ('path' in address) {
    const faults = checkPlace(address.path);
    return faults.length > 0 ? faults : [(await checkServedMetrics(situation)) ?? []].flat();
  }
  const name = nameOf(address);
  const fault = await listenOnce(address);
  if (fault === undefined)
    return [
      (await checkServedMetrics(situation)) ?? ok('metrics-ok', `xtokend can serve metrics at ${name}`),
    ];
  if (codeOf(fault) === 'EAFNOSUPPORT') return [withoutNetwork(name)];
  if (codeOf(fault) !== 'EADDRINUSE') return [unavailable(name, messageOf(fault))];
  if (await isXtokend(address)) return [served(name)];
  const message = `another program listens on ${name}, and does not serve the metrics of xtokend`;
  const fix = 'choose another port in metrics.listen; `ss -ltnp` shows the program that uses this one';
  return [warning('metrics-address-in-use', message, fix)];
}

/**
 * Checks from outside of the service whether a running xtokend serves metrics.
 *
 * @returns `undefined` if no xtokend runs, as far as this user can tell
 */
export async function checkServedMetrics(situation: Situation): Promise<Finding | undefined> {
  const address = situation.configuration?.metrics;
  if (address === undefined || !(await isRunning(situation))) return undefined;
  if ('path' in address) return existsSync(address.path) ? undefined : notServed(address.path);
  return (await isXtokend(address)) ? served(nameOf(address)) : notServed(nameOf(address));
}

/** Reports that a service without a network cannot serve metrics over TCP to anybody else. */
export function withoutNetwork(name: string): Finding {
  const fix = `install the drop-in metrics-tcp.conf: ${installDropIn('metrics-tcp.conf')}\nor set metrics.listen = "unix:/PATH"`;
  return unavailable(name, 'its unit keeps the service from the network', fix);
}

/** A new socket file replaces one on which no process listens. */
function checkPlace(path: string): Finding[] {
  const exposure = findExposure(dirname(path), trustedWith(path));
  if (exposure === undefined) return [];
  return [unavailable(path, `${exposure.message}, and so can put another socket there`, exposure.fix)];
}

type TcpAddress = Extract<MetricsAddress, { readonly port: number }>;

function nameOf({ host, port }: TcpAddress): string {
  return `${host}:${port}`;
}

/** Returns the error that keeps a server from listening there, or its clients from reaching it. */
async function listenOnce(address: TcpAddress): Promise<unknown> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(address);
    await once(server, 'listening');
    // Only a connection shows a filter of addresses (IPAddressDeny=).
    const client = connect(address);
    await once(client, 'connect', { signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS) }).finally(() =>
      client.destroy(),
    );
    return undefined;
  } catch (error) {
    return error;
  } finally {
    server.close();
  }
}

async function isXtokend({ host, port }: TcpAddress): Promise<boolean> {
  const signal = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
  const request = get({ host, port, path: '/metrics', signal });
  // A late error without a listener would end the process.
  request.on('error', () => undefined);
  try {
    const [response] = (await once(request, 'response')) as [Readable];
    let page = '';
    for await (const chunk of response) {
      page += String(chunk);
      if (page.includes('xtokend_') || page.length > MAX_PAGE_CHARACTERS) break;
    }
    return page.includes('xtokend_');
  } catch {
    return false;
  }
}

function served(name: string): Finding {
  return ok('metrics-ok', `xtokend serves metrics at ${name}`);
}

function notServed(name: string): Finding {
  const message = `xtokend runs, but does not serve metrics at ${name}`;
  const fix = `see its log; if it runs with an older configuration, restart it. Under systemd, metrics over TCP need the drop-in metrics-tcp.conf: ${installDropIn('metrics-tcp.conf')}`;
  return warning('metrics-not-served', message, fix);
}

const EXPECTED = 'set metrics.listen to an address of this machine and a port from 1024 on';

function unavailable(name: string, reason: string, fix: string = EXPECTED): Finding {
  return warning('metrics-unavailable', `xtokend cannot listen on ${name}: ${reason}`, fix);
}
