import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { PasswordBackendError } from '../../../src/passwords/backend.js';
import { freePort } from '../../support/system/ports.js';
import { open, patience, runAlone } from './ends.js';
import { answer, NO, RawServer, YES } from './raw-server.js';

const LOGIN = { user: 'alice', host: 'example.com', password: 'password' };

describe('a connection', () => {
  it('is kept for the next request', async () => {
    const server = await RawServer.start((socket) => socket.write(answer(200, YES)));
    const backend = open(server.url);
    for (let count = 0; count < 5; count += 1)
      expect(await backend.verify(LOGIN, patience())).toBe('accepted');
    expect(server.connections).toBe(1);
  });

  it('does not keep the process alive while it is idle', async () => {
    const server = await RawServer.start((socket) => socket.write(answer(200, YES)));
    const { output, status } = await runAlone({ url: server.url });
    expect({ output, status }).toEqual({ output: 'accepted\n', status: 0 });
    expect(server.requests).toHaveLength(1);
  });

  it('that the server closed while it was idle is replaced', async () => {
    const server = await RawServer.start((socket) => socket.write(answer(200, YES)));
    const backend = open(server.url);
    expect(await backend.verify(LOGIN, patience())).toBe('accepted');
    server.dropAll();
    expect(await backend.verify(LOGIN, patience())).toBe('accepted');
  });

  it('that the server closes when the next request arrives is replaced, once', async () => {
    const server = await RawServer.start((socket, _, count) => {
      if (count === 1) socket.write(answer(200, NO));
      else if (count === 3) socket.write(answer(200, YES));
      else socket.destroy();
    });
    const backend = open(server.url);
    expect(await backend.verify(LOGIN, patience())).toBe('wrong');
    expect(await backend.verify(LOGIN, patience())).toBe('accepted');
    expect([server.requests.length, server.connections]).toEqual([3, 2]);
    await expect(backend.verify(LOGIN, patience())).rejects.toThrow('before it answered');
    expect([server.requests.length, server.connections]).toEqual([4, 3]);
  });

  it('is not replaced after a byte of an answer', async () => {
    const server = await RawServer.start((socket, _, count) => {
      if (count === 1) socket.write(answer(200, NO));
      else socket.end('H');
    });
    const backend = open(server.url);
    await backend.verify(LOGIN, patience());
    await expect(backend.verify(LOGIN, patience())).rejects.toThrow(PasswordBackendError);
    expect(server.requests).toHaveLength(2);
  });

  it('is not replaced if it was new', async () => {
    const server = await RawServer.start((socket) => socket.destroy());
    await expect(open(server.url).verify(LOGIN, patience())).rejects.toThrow('before it answered');
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ['at once', 0],
    ['later', 30],
  ])('with a second answer, %s, never answers the next request with it', async (_, delay) => {
    const server = await RawServer.start((socket, __, count) => {
      if (count > 1) return void setTimeout(() => socket.write(answer(200, NO)), 200);
      if (delay === 0) socket.write(answer(200, YES) + answer(200, YES));
      else socket.write(answer(200, YES));
      if (delay > 0) setTimeout(() => socket.write(answer(200, YES)), delay);
    });
    const backend = open(server.url);
    expect(await backend.verify(LOGIN, patience())).toBe('accepted');
    // Idle connections are closed after 5 s anyway.
    await expect.poll(() => server.open, { timeout: 4000 }).toBe(0);
    expect(await backend.verify(LOGIN, patience())).toBe('wrong');
    expect(server.connections).toBe(2);
  });

  it('is one of sixteen at most', async () => {
    const server = await RawServer.start((socket) => setTimeout(() => socket.write(answer(200, YES)), 20));
    const backend = open(server.url);
    const all = await Promise.all(Array.from({ length: 64 }, () => backend.verify(LOGIN, patience())));
    expect(new Set(all)).toEqual(new Set(['accepted']));
    expect(server.connections).toBeLessThanOrEqual(16);
  });
});

describe('a request whose time is over', () => {
  it.each<[string, string, string | undefined]>([
    ['without an answer', 'the status and headers', undefined],
    ['after half of the head', 'the status and headers', 'HTTP/1.1 200 OK\r\n'],
    ['after half of the body', 'the rest of the body', answer(200, YES).slice(0, -3)],
  ])('fails %s', async (_, phase, bytes) => {
    const server = await RawServer.start((socket) => bytes !== undefined && socket.write(bytes));
    const backend = open(server.url);
    const checks = [backend.verify(LOGIN, patience(300)), backend.isUser(LOGIN, patience(300))];
    for (const check of checks)
      await expect(check).rejects.toThrow(`no answer in time, while waiting for ${phase}`);
    await expect.poll(() => server.open).toBe(0);
  });

  it('fails if the answer comes in drips', async () => {
    const bytes = answer(200, YES, [`X: ${'x'.repeat(10_000)}`]);
    const server = await RawServer.start((socket) => {
      let at = 0;
      const timer = setInterval(() => socket.write(bytes[at++] ?? ''), 20);
      socket.on('close', () => {
        clearInterval(timer);
      });
    });
    await expect(open(server.url).verify(LOGIN, patience(500))).rejects.toThrow('no answer in time');
    await expect.poll(() => server.open).toBe(0);
  });

  it('fails if it never got a connection', async () => {
    const server = await RawServer.start(() => undefined);
    const backend = open(server.url);
    const controllers = Array.from({ length: 20 }, () => new AbortController());
    const checks = controllers.map(({ signal }) => backend.verify(LOGIN, signal));
    await expect.poll(() => server.requests.length).toBe(16);
    for (const controller of controllers) controller.abort();
    const messages = await Promise.all(checks.map((check) => check.catch((error: unknown) => String(error))));
    expect(messages.filter((message) => message.includes('a free connection'))).toHaveLength(4);
    expect(messages.filter((message) => message.includes('the status and headers'))).toHaveLength(16);
    expect(server.requests).toHaveLength(16);
    await expect.poll(() => server.open).toBe(0);
  });

  it('fails at once if the time was over before', async () => {
    const server = await RawServer.start((socket) => socket.write(answer(200, YES)));
    await expect(open(server.url).verify(LOGIN, AbortSignal.abort())).rejects.toThrow(PasswordBackendError);
    expect(server.requests).toEqual([]);
  });

  it('is not the last one', async () => {
    const server = await RawServer.start((socket, _, count) => count > 16 && socket.write(answer(200, YES)));
    const backend = open(server.url);
    const checks = Array.from({ length: 16 }, () => backend.verify(LOGIN, patience(300)));
    await Promise.allSettled(checks);
    expect(await backend.verify(LOGIN, patience())).toBe('accepted');
  });

  it('leaves no listener at the signal', async () => {
    const server = await RawServer.start((socket) => socket.write(answer(200, YES)));
    const { signal } = new AbortController();
    await open(server.url).verify(LOGIN, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('a server', () => {
  it('that does not run is reported', async () => {
    const url = `http://127.0.0.1:${await freePort()}/`;
    await expect(open(url).verify(LOGIN, patience())).rejects.toThrow(
      `${url}: nothing listens there; start the application, or correct passwords.url`,
    );
  });

  it('is found by a name with an address that refuses', async () => {
    const server = await RawServer.start((socket) => socket.write(answer(200, YES)));
    const lookup = (_: string, __: unknown, callback: (...args: unknown[]) => void): void => {
      callback(null, [
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ]);
    };
    const backend = open(server.url.replace('127.0.0.1', 'localhost'), {}, { lookup: lookup as never });
    expect(await backend.verify(LOGIN, patience())).toBe('accepted');
  });

  it.each([
    ['ENOTFOUND', 'no host has this name'],
    ['EAI_AGAIN', 'the name server does not answer'],
    ['EMFILE', 'this process or the system has no free file descriptors'],
    ['EWHATEVER', 'the connection failed (EWHATEVER)'],
  ])('whose name cannot be resolved is reported: %s', async (code, expected) => {
    const lookup = (_: string, __: unknown, callback: (error: Error) => void): void => {
      setImmediate(callback, Object.assign(new Error('secret'), { code }));
    };
    const backend = open('https://app.example/auth?key=secret', {}, { lookup: lookup as never });
    const error = await backend.verify(LOGIN, patience()).catch((thrown: unknown) => thrown as Error);
    expect(error).toBeInstanceOf(PasswordBackendError);
    expect(String(error)).toContain(`https://app.example/auth?…: ${expected}`);
    expect(String(error)).not.toContain('secret');
  });

  it('whose name server is silent is reported when the time is over', async () => {
    const backend = open('https://app.example/auth', {}, { lookup: () => undefined });
    await expect(backend.verify(LOGIN, patience(200))).rejects.toThrow('see that the name server in');
  });
});

describe('close()', () => {
  it('ends all requests and connections', async () => {
    const server = await RawServer.start((socket, _, count) => count === 1 && socket.write(answer(200, YES)));
    const backend = open(server.url);
    await backend.verify(LOGIN, patience());
    expect(server.open).toBe(1);
    // More than there are connections.
    const checks = Array.from({ length: 20 }, () => backend.verify(LOGIN, patience()));
    await expect.poll(() => server.requests.length).toBe(17);
    await backend.close();
    for (const check of checks) await expect(check).rejects.toThrow('closed by a reload or a shutdown');
    await expect(backend.isUser(LOGIN, patience())).rejects.toThrow(PasswordBackendError);
    await expect.poll(() => server.open).toBe(0);
    expect(server.requests).toHaveLength(17);
  });
});
