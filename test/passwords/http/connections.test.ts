import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { PasswordBackendError } from '../../../src/passwords/backend.js';
import { freePort } from '../../support/system/ports.js';
import { open, patience, runAlone } from './ends.js';
import { answer, NO, RawServer, YES } from './raw-server.js';

const LOGIN = { user: 'alice', host: 'example.com', password: 'password' };

describe('a connection', () => {
  it('is used for one request only, so that no request gets the answer to another', async () => {
    const server = await RawServer.start((socket, _, count) => {
      socket.write(count === 1 ? answer(200, YES) + answer(200, YES) : answer(200, NO));
    });
    const backend = open(server.url);
    expect(await backend.verify(LOGIN, patience())).toBe('accepted');
    expect(await backend.verify(LOGIN, patience())).toBe('wrong');
    expect(server.connections).toBe(2);
  });

  it('does not keep the process alive', async () => {
    const server = await RawServer.start((socket) => socket.write(answer(200, YES)));
    const { output, status } = await runAlone({ url: server.url });
    expect({ output, status }).toEqual({ output: 'accepted\n', status: 0 });
    expect(server.requests).toHaveLength(1);
  });

  it.each(['', 'H'])('that ends early makes the request fail: %j', async (start) => {
    const server = await RawServer.start((socket) => socket.end(start));
    await expect(open(server.url).verify(LOGIN, patience())).rejects.toThrow(PasswordBackendError);
    expect(server.requests).toHaveLength(1);
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

  it('fails at once if the time was over before', async () => {
    const server = await RawServer.start((socket) => socket.write(answer(200, YES)));
    await expect(open(server.url).verify(LOGIN, AbortSignal.abort())).rejects.toThrow(PasswordBackendError);
    expect(server.requests).toEqual([]);
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
    const checks = Array.from({ length: 20 }, () => backend.verify(LOGIN, patience()));
    await expect.poll(() => server.requests.length).toBe(21);
    await backend.close();
    for (const check of checks) await expect(check).rejects.toThrow('closed by a reload or a shutdown');
    await expect(backend.isUser(LOGIN, patience())).rejects.toThrow(PasswordBackendError);
    await expect.poll(() => server.open).toBe(0);
    expect(server.requests).toHaveLength(21);
  });
});
