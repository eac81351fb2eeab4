import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import type { MetricsAddress } from '../../../config/metrics.js';
import { codeOf, messageOf } from '../../../errors.js';
import { findExposure } from '../../../system/trusted-path.js';
import { isRunning } from '../sockets/ask-daemon.js';
import type { Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import { trustedWith } from '../configuration/trusted-users.js';

const REPLY_DEADLINE_MILLISECONDS = 2000;
const MAX_PAGE_CHARACTERS = 1_000_000;

/** Tries the address for metrics: nobody is there, or a running xtokend. */
export async function checkMetrics(situation: Situation): Promise<Finding[]> {
  const address = situation.configuration?.metrics;
  if (address === undefined) return [];
  if ('path' in address) {
    const faults = checkPlace(address.path);
    return faults.length > 0 ? faults : findingsOf(await checkServedMetrics(situation));
  }
  const name = `${address.host}:${address.port}`;
  const fault = await listenOnce(address);
  if (fault === undefined) {
    return [(await checkServedMetrics(situation)) ?? good(`serving metrics on ${name} once xtokend runs`)];
  }
  if (codeOf(fault) === 'EAFNOSUPPORT') return [shutOut(name)];
  if (codeOf(fault) !== 'EADDRINUSE') return [unusable(name, messageOf(fault))];
  return [(await isXtokend(address)) ? good(`xtokend answers on ${name}`) : taken(name)];
}

function findingsOf(finding: Finding | undefined): Finding[] {
  return finding === undefined ? [] : [finding];
}

/**
 * Looks from outside of the service at whether a running xtokend serves metrics.
 *
 * @returns `undefined` if no xtokend runs, as far as this user can tell
 */
export async function checkServedMetrics(situation: Situation): Promise<Finding | undefined> {
  const address = situation.configuration?.metrics;
  if (address === undefined || !(await isRunning(situation))) return undefined;
  const name = 'path' in address ? address.path : `${address.host}:${address.port}`;
  if ('path' in address) return existsSync(address.path) ? undefined : silent(name);
  return (await isXtokend(address)) ? good(`xtokend answers on ${name}`) : silent(name);
}

/** Says that a service without a network can't serve metrics over TCP to anybody else. */
export function shutOut(name: string): Finding {
  return {
    ...unusable(name, 'its unit keeps the service from the network'),
    fix: 'the drop-in metrics-tcp.conf lets it (docs/systemd.md); or listen on a Unix socket: listen = "unix:/PATH"',
  };
}

/** A socket file is replaced where nobody answers. */
function checkPlace(path: string): Finding[] {
  const exposure = findExposure(dirname(path), trustedWith(path));
  if (exposure === undefined) return [];
  const reason = `${exposure.message}, and so can put another socket there`;
  return [{ ...unusable(path, reason), fix: exposure.fix }];
}

type TcpAddress = Extract<MetricsAddress, { readonly port: number }>;

/** @returns what keeps a server from listening there, or its clients from reaching it */
async function listenOnce(address: TcpAddress): Promise<unknown> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(address);
    await once(server, 'listening');
    // A filter of addresses (IPAddressDeny=) shows only here.
    const client = connect(address);
    await once(client, 'connect', { signal: AbortSignal.timeout(REPLY_DEADLINE_MILLISECONDS) }).finally(() =>
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
  const request = get({
    host,
    port,
    path: '/metrics',
    signal: AbortSignal.timeout(REPLY_DEADLINE_MILLISECONDS),
  });
  // It can come after all that waits for it has gone.
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

function good(message: string): Finding {
  return { level: 'ok', code: 'metrics-ok', subject: 'metrics', message };
}

function silent(name: string): Finding {
  return {
    level: 'warning',
    code: 'metrics-not-served',
    subject: 'metrics',
    message: `an xtokend runs, but nobody serves metrics at ${name}`,
    fix: 'its log says why, unless it runs with an older configuration: restart it. Under systemd, metrics over TCP take the drop-in metrics-tcp.conf',
  };
}

function taken(name: string): Finding {
  return {
    level: 'warning',
    code: 'metrics-address-in-use',
    subject: 'metrics',
    message: `another program listens on ${name}, and what it answers are no metrics of xtokend`,
    fix: `choose another port in metrics.listen; ss -ltnp says who has this one`,
  };
}

function unusable(name: string, reason: string): Finding {
  return {
    level: 'warning',
    code: 'metrics-unavailable',
    subject: 'metrics',
    message: `nobody can listen on ${name}: ${reason}`,
    fix: 'expected an address of this machine and a port from 1024 on in metrics.listen',
  };
}
