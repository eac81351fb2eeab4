import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { MetricsAddress } from '../../src/config/metrics.js';
import { serveMetrics } from '../../src/metrics/server.js';
import { temporaryDirectory } from '../support/directory.js';
import { freePort } from '../support/system/ports.js';
import { scrape } from '../support/daemon/scrape.js';

const render = (): Promise<string> => Promise.resolve('up 1\n');

async function serve(text = render): Promise<number> {
  const port = await freePort();
  await serveAt({ host: '127.0.0.1', port, hosts: [] }, text);
  return port;
}

async function serveAt(address: MetricsAddress, text = render): Promise<() => void> {
  const stop = await serveMetrics(address, text);
  onTestFinished(stop);
  return stop;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

describe('serveMetrics', () => {
  it('answers GET /metrics and nothing else', async () => {
    const port = await serve();
    const found = await scrape({ port });
    expect(found).toMatchObject({ status: 200, body: 'up 1\n' });
    expect(found.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await scrape({ port, path: '/metrics?a=b' })).toMatchObject({ status: 200 });
    for (const path of ['/', '/metrics/', '/../metrics', '*']) {
      expect(await scrape({ port, path })).toMatchObject({ status: 404 });
    }
    for (const method of ['POST', 'HEAD', 'DELETE']) {
      const refused = await scrape({ port, method });
      expect(refused).toMatchObject({ status: 405, headers: { allow: 'GET' } });
    }
  });

  it('answers only requests that name the listener in Host', async () => {
    const port = await serve();
    for (const host of ['evil.example', 'evil.example:9477']) {
      const refused = await scrape({ port, headers: { host } });
      expect(refused).toMatchObject({ status: 421 });
      expect(refused.body).toContain('metrics.hosts');
    }
    for (const host of ['localhost', `127.0.0.1:${port}`, `localhost:${port}`]) {
      expect(await scrape({ port, headers: { host } })).toMatchObject({ status: 200 });
    }
  });

  it('answers 500 if rendering fails, and continues', async () => {
    let fails = true;
    const port = await serve(() => (fails ? Promise.reject(new Error('broken')) : Promise.resolve('up 1\n')));
    expect(await scrape({ port })).toMatchObject({ status: 500, body: 'broken\n' });
    fails = false;
    expect(await scrape({ port })).toMatchObject({ status: 200 });
  });

  it('listens on a Unix socket with mode 0660, and removes it', async () => {
    const path = join(temporaryDirectory(), 'metrics.sock');
    const stop = await serveAt({ path });
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(await scrape({ socketPath: path, headers: { host: 'any' } })).toMatchObject({ status: 200 });
    stop();
    expect(existsSync(path)).toBe(false);
  });

  it('closes silent and slow connections after 5 s, and too many at once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const port = await serve();
    const silent = await Promise.all(Array.from({ length: 40 }, () => connected(port)));
    let closed = 0;
    for (const socket of silent) socket.resume().on('close', () => (closed += 1));
    silent[0]?.write('GET /metrics HTTP/1.1\r\nHost: a\r\n');
    const drip = setInterval(() => silent[0]?.write('X: y\r\n'), 100);
    onTestFinished(() => {
      clearInterval(drip);
    });
    await expect.poll(() => closed).toBe(40 - 16);
    vi.advanceTimersByTime(5000);
    await expect.poll(() => closed).toBe(40);
    expect(await scrape({ port })).toMatchObject({ status: 200 });
  });

  it('explains why an address cannot be listened on', async () => {
    const port = await serve();
    const listen = (address: MetricsAddress): Promise<unknown> => serveMetrics(address, render);
    await expect(listen({ host: '127.0.0.1', port, hosts: [] })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: another process listens there`,
    );
    await expect(listen({ host: '192.0.2.1', port, hosts: [] })).rejects.toThrow(
      'this machine has no such address',
    );
    await expect(listen({ path: '/nowhere/metrics.sock' })).rejects.toThrow('there is no directory /nowhere');
  });
});
