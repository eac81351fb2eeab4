import { once } from 'node:events';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import type { MetricsAddress } from '../../config/metrics.js';
import { codeOf, messageOf } from '../../errors.js';
import { findExposure } from '../../trusted-path.js';
import type { Finding } from './finding.js';
import type { Situation } from './situation.js';
import { trustedWith } from './trusted-users.js';

const PATIENCE_MILLISECONDS = 2000;
const MAX_PAGE_CHARACTERS = 1_000_000;

/** Tries the address for metrics: nobody is there, or a running xtokend. */
export async function checkMetrics({ configuration }: Situation): Promise<Finding[]> {
  const address = configuration?.metrics;
  if (address === undefined) return [];
  // A socket file is replaced where nobody answers.
  if ('path' in address) return checkPlace(address.path);
  const name = `${address.host}:${address.port}`;
  const fault = await listenOnce(address);
  if (fault === undefined) return [good(`metrics can be had on ${name} once xtokend runs`)];
  if (codeOf(fault) !== 'EADDRINUSE') return [unusable(name, messageOf(fault))];
  return [(await isXtokend(address)) ? good(`xtokend answers on ${name}`) : taken(name)];
}

function checkPlace(path: string): Finding[] {
  const exposure = findExposure(dirname(path), trustedWith(path));
  if (exposure === undefined) return [];
  const reason = `${exposure.message}, and so can put another socket there`;
  return [{ ...unusable(path, reason), cure: exposure.fix }];
}

type TcpAddress = Extract<MetricsAddress, { readonly port: number }>;

/** @returns what keeps a server from listening there */
async function listenOnce(address: TcpAddress): Promise<unknown> {
  const server = createServer();
  try {
    server.listen(address);
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    return error;
  } finally {
    server.close();
  }
}

async function isXtokend({ host, port }: TcpAddress): Promise<boolean> {
  const request = get({ host, port, path: '/metrics', signal: AbortSignal.timeout(PATIENCE_MILLISECONDS) });
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
  return { level: 'ok', code: 'metrics-good', subject: 'metrics', message };
}

function taken(name: string): Finding {
  return {
    level: 'warning',
    code: 'metrics-taken',
    subject: 'metrics',
    message: `another program listens on ${name}, and what it answers are no metrics of xtokend`,
    cure: `choose another port in metrics.listen; ss -ltnp says who has this one`,
  };
}

function unusable(name: string, reason: string): Finding {
  return {
    level: 'warning',
    code: 'metrics-unusable',
    subject: 'metrics',
    message: `nobody can listen on ${name}: ${reason}`,
    cure: 'expected an address of this machine and a port from 1024 on in metrics.listen',
  };
}
