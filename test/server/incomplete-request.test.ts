import { once } from 'node:events';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { refused } from '../../src/authenticator/decision.js';
import { protocols } from '../../src/protocol/detection.js';
import { ejabberd } from '../../src/protocol/ejabberd.js';
import { generic } from '../../src/protocol/generic.js';
import { temporaryDirectory } from '../support/directory.js';
import { ask, open, serve, serveWith } from '../support/daemon/served-sockets.js';

/** Longer than it takes until incomplete bytes are reported. */
const REPORT_MILLISECONDS = 4000;

afterEach(() => vi.useRealTimers());

const TLS = Buffer.from('16030100f1010000ed0303', 'hex');

describe('incomplete requests', () => {
  it.each([
    ['a generic request', 'auth:alice:example.com:token\n', ejabberd, 'looks like the generic protocol'],
    ['TLS', TLS, ejabberd, 'looks like TLS'],
    ['HTTP', 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n', ejabberd, 'looks like HTTP'],
    ['one byte', '\0', ejabberd, 'binary data, but not a request'],
    ['half a packet', '\0\x20isuser:2', ejabberd, 'incomplete request of the ejabberd protocol'],
    ['a packet', '\0\x0bisuser:20:0', generic, 'looks like the ejabberd protocol'],
    ['TLS', TLS, generic, 'looks like TLS'],
    ['a request without its end', 'isuser:2:0', generic, 'incomplete request of the generic protocol'],
    ['too much without an end', Buffer.alloc(100_000, 'x'), generic, 'text, but not a request'],
  ] as const)('are reported once at the end of the connection: %s', async (_, bytes, protocol, cause) => {
    const { paths, incomplete } = await serve(temporaryDirectory(), { protocol });
    expect(await ask(paths[0], Buffer.from(bytes))).toBe('');
    expect(incomplete).toEqual([expect.stringContaining(cause)]);
    expect(incomplete.join()).not.toContain('alice');
  });

  it('are reported while the connection is open, and not again at its end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { paths, incomplete } = await serve(temporaryDirectory(), { protocol: ejabberd });
    const socket = await open(paths[0]);
    for (const byte of 'auth:alice') socket.write(byte);
    await expect
      .poll(() => {
        vi.advanceTimersByTime(REPORT_MILLISECONDS);
        return incomplete;
      })
      .toHaveLength(1);
    expect(incomplete[0]).toMatch(/^looks like the generic protocol/);
    socket.resume().end();
    await once(socket, 'close');
    expect(await ask(paths[0], '\0\x0aisuser:2:0')).toBe('\0\x02\0\x01');
    expect(incomplete).toHaveLength(1);
  });

  it('are reported when the listener closes, or when the client disconnects', async () => {
    const { paths, incomplete, stop, end } = await serve(temporaryDirectory(), {});
    const [leaving, staying] = [await open(paths[0]), await open(paths[0])];
    for (const socket of [leaving, staying]) {
      socket.write('isuser:2:0\nisuser:2');
      await once(socket, 'data');
    }
    leaving.destroy();
    await expect.poll(() => incomplete).toHaveLength(1);
    stop.abort();
    await end;
    expect(incomplete).toHaveLength(2);
  });

  it('are not reported if there are none', async () => {
    const { paths, incomplete, stop, end } = await serve(
      temporaryDirectory(),
      {},
      { name: 'b', protocol: ejabberd },
    );
    expect(await ask(paths[0], '')).toBe('');
    expect(await ask(paths[0], 'isuser:2:0\n\nnonsense\n')).toBe('1\n0\n0\n');
    expect(await ask(paths[1], '\0\x0aisuser:2:0\0\0')).toBe('\0\x02\0\x01\0\x02\0\0');
    stop.abort();
    await end;
    expect(incomplete).toEqual([]);
  });

  it('are not reported while an earlier request is unanswered', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let decideFirst = (): void => undefined;
    const first = new Promise<void>((resolve) => (decideFirst = resolve));
    const { paths, incomplete, answered } = await serveWith(() => first.then(() => refused('unknown-host')));
    const socket = await open(paths[0]);
    socket.write('isuser:a:b\nisuser:a');
    await expect.poll(() => vi.getTimerCount()).toBeGreaterThan(0);
    for (let round = 0; round < 3; round += 1) {
      vi.advanceTimersByTime(REPORT_MILLISECONDS);
      await nextIteration();
    }
    expect([answered(), incomplete]).toEqual([0, []]);
    decideFirst();
    await once(socket, 'data');
    vi.advanceTimersByTime(REPORT_MILLISECONDS);
    await expect.poll(() => incomplete).toHaveLength(1);
  });

  it.each([
    ['ejabberd', '\0'],
    ['native', 'VERSION\t'],
    ['a protocol that is not known yet', 'VERS'],
    ['generic', 'auth:alice'],
  ])('end the connection if it does not start with a whole one in time: %s', async (_, bytes) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { paths, incomplete } = await serve(temporaryDirectory(), { protocol: protocols.auto });
    const socket = await open(paths[0]);
    socket.write(bytes);
    const ended = once(socket.resume(), 'end');
    await expect
      .poll(() => {
        vi.advanceTimersByTime(REPORT_MILLISECONDS);
        return incomplete;
      })
      .toHaveLength(1);
    await ended;
  });

  it('are not reported if the rest came during a pause of this process', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { paths, incomplete } = await serve(temporaryDirectory(), { protocol: protocols.auto });
    const socket = await open(paths[0]);
    socket.write('isus');
    await expect.poll(() => vi.getTimerCount()).toBeGreaterThan(0);
    socket.write('er:2:0\n');
    vi.advanceTimersByTime(REPORT_MILLISECONDS);
    expect(String((await once(socket, 'data'))[0])).toBe('1\n');
    expect(incomplete).toEqual([]);
  });

  it('do not end a connection that had a whole one', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { paths, incomplete } = await serve(temporaryDirectory(), { protocol: protocols.auto });
    const socket = await open(paths[0]);
    socket.write('isuser:2:0\nisuser:4');
    await once(socket, 'data');
    await expect
      .poll(() => {
        vi.advanceTimersByTime(REPORT_MILLISECONDS);
        return incomplete;
      })
      .toHaveLength(1);
    socket.write(':0\n');
    expect(String((await once(socket, 'data'))[0])).toBe('1\n');
  });
});
