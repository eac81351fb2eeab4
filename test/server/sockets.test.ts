import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { protocols } from '../../src/protocol/detection.js';
import { ejabberd } from '../../src/protocol/ejabberd.js';
import { ListenError } from '../../src/server/unix-socket.js';
import { temporaryDirectory } from '../support/directory.js';
import { ask, open, readAll, serve } from '../support/daemon/served-sockets.js';

async function expectEndWithin(
  milliseconds: number,
  stop: AbortController,
  end: Promise<void>,
): Promise<void> {
  const start = performance.now();
  stop.abort();
  await end;
  expect(performance.now() - start).toBeLessThan(milliseconds);
}

describe('serveSockets', () => {
  it('answers in the framing of each socket', async () => {
    const { paths } = await serve(temporaryDirectory(), { name: 'a' }, { name: 'b', protocol: ejabberd });
    expect(await ask(paths[0], 'isuser:2:0\nisuser:3:0\n')).toBe('1\n0\n');
    expect(await ask(paths[1], '\0\x0aisuser:2:0\0\x0aisuser:3:0')).toBe('\0\x02\0\x01\0\x02\0\0');
  });

  it('answers each connection in its own protocol, if the socket has none', async () => {
    const { paths } = await serve(temporaryDirectory(), { protocol: protocols.auto });
    expect(await ask(paths[0], 'isuser:2:0\nisuser:3:0\n')).toBe('1\n0\n');
    expect(await ask(paths[0], '\0\x0aisuser:2:0\0\x0aisuser:3:0')).toBe('\0\x02\0\x01\0\x02\0\0');
    // The slow request does not hold up the other.
    expect(await ask(paths[0], 'VERSION\t1\t0\nUSER\t1\t2\t300\nUSER\t2\t4\t0\n')).toBe(
      'VERSION\t1\t0\nOK\t2\nOK\t1\n',
    );
  });

  it('answers what it has read before it ends a connection with an error line', async () => {
    const { paths } = await serve(temporaryDirectory(), { protocol: protocols.auto });
    const socket = await open(paths[0]);
    socket.write(`VERSION\t1\t0\nUSER\t1\t2\t300\nnonsense\n${'USER\t2\t2\t0\n'.repeat(50_000)}`);
    expect(await readAll(socket)).toBe(
      'VERSION\t1\t0\nOK\t1\nERROR\texpected a command in capital letters, such as AUTH\n',
    );
  });

  it('answers pipelined requests in their order, however long each takes', async () => {
    const { paths } = await serve(temporaryDirectory(), {});
    const users = Array.from({ length: 3000 }, () => Math.floor(Math.random() * 1000));
    const requests = users.map((user) => `isuser:${user}:${user % 10}\n`).join('');
    expect(await ask(paths[0], requests)).toBe(users.map((user) => `${(user + 1) % 2}\n`).join(''));
  });

  it('serves many connections independently of each other', async () => {
    const { paths } = await serve(temporaryDirectory(), {});
    const slow = await open(paths[0]);
    slow.write('isuser:2:60000\n');
    const users = Array.from({ length: 300 }, (_, user) => user);
    const answers = await Promise.all(users.map((user) => ask(paths[0], `isuser:${user}:1\n`)));
    expect(answers).toEqual(users.map((user) => `${(user + 1) % 2}\n`));
  });

  it('reads a bounded number of requests from a client that does not read, and answers all when it does', async () => {
    const { paths, answered } = await serve(temporaryDirectory(), {});
    const socket = await open(paths[0]);
    const requests = 500_000;
    socket.end('isuser:2:0\n'.repeat(requests));
    let before = -1;
    // Until it stops reading.
    while (answered() > before) {
      before = answered();
      await sleep(200);
    }
    expect(before).toBeLessThan(requests / 2);
    expect(await ask(paths[0], 'isuser:3:0\n')).toBe('0\n');
    expect((await readAll(socket)).length).toBe(2 * requests);
  });

  it('continues after clients that disconnect in the middle of a request', async () => {
    const { paths, unanswered } = await serve(temporaryDirectory(), {});
    for (let round = 0; round < 20; round += 1) {
      const socket = await open(paths[0]);
      socket.write('isuser:2:20\n'.repeat(10) + 'isuser:2');
      await sleep(round % 5);
      socket.destroy();
    }
    expect(await ask(paths[0], 'isuser:2:0\n')).toBe('1\n');
    await expect.poll(unanswered).toBeGreaterThan(0);
  });

  it('limits its connections, warns once, and accepts others when some have ended', async () => {
    const { paths, warnings } = await serve(temporaryDirectory(), {});
    const sockets: Socket[] = [];
    for (let count = 0; count < 1024; count += 1) sockets.push(await open(paths[0]));
    for (let count = 0; count < 3; count += 1) expect(await readAll(await open(paths[0]))).toBe('');
    expect(warnings).toEqual([
      ['connection limit reached; closing new connections', { path: paths[0], limit: 1024 }],
    ]);
    sockets[1023]?.destroy();
    await expect.poll(() => ask(paths[0], 'isuser:2:0\n').catch(() => '')).toBe('1\n');
    sockets[0]?.end('isuser:2:0\n');
    expect(await readAll(sockets[0] ?? new Socket())).toBe('1\n');
  });

  it('answers what it has read when it is stopped, and accepts no more connections', async () => {
    const { paths, stop, end } = await serve(temporaryDirectory(), {});
    const socket = await open(paths[0]);
    // Its answer shows that the connection is accepted.
    socket.write('isuser:3:0\n');
    await once(socket, 'data');
    socket.write('isuser:2:100\nisuser:3:0\nisuser:2');
    await sleep(50);
    stop.abort();
    expect(await readAll(socket)).toBe('1\n0\n');
    await end;
    await expect(open(paths[0])).rejects.toThrow('ENOENT');
  });

  it('answers all requests that arrived before it is stopped, and none that arrive later', async () => {
    const { paths, stop, end, answered } = await serve(temporaryDirectory(), {}, { name: 'other' });
    const sockets = [await open(paths[0]), await open(paths[0]), await open(paths[1])];
    // All connections are accepted, and idle.
    for (const socket of sockets) {
      socket.write('isuser:2:0\n');
      await once(socket, 'data');
    }
    // It lies in the kernel: nothing is read between here and the stop.
    sockets[0]?.write('isuser:2:0\n'.repeat(5000));
    sockets[1]?.write('isuser:3:5\nisuser:2:0\n');
    stop.abort();
    const [many, few, none] = await Promise.all(sockets.map((socket) => readAll(socket)));
    expect(many).toBe('1\n'.repeat(5000));
    expect(few).toBe('0\n1\n');
    expect(none).toBe('');
    await end;
    expect(answered()).toBe(3 + 5000 + 2);
  });

  it('reads for at most half a second from a client that never ceases, after it is stopped', async () => {
    const { paths, stop, end, answered } = await serve(temporaryDirectory(), {});
    const socket = await open(paths[0]);
    let received = 0;
    socket.on('data', (data: Buffer) => (received += data.length / 2));
    const flood = (): void => {
      while (!socket.destroyed && socket.write('isuser:2:0\n'.repeat(3000)));
      socket.once('drain', flood);
    };
    flood();
    await expect.poll(answered).toBeGreaterThan(0);
    await expectEndWithin(5000, stop, end);
    // What was read was answered.
    await expect.poll(() => received).toBe(answered());
  });

  it('ends about a second after it is stopped if a client does not read', async () => {
    const { paths, stop, end } = await serve(temporaryDirectory(), {});
    (await open(paths[0])).write('isuser:2:0\n'.repeat(200_000));
    await sleep(100);
    await expectEndWithin(5000, stop, end);
  });

  it('ends about a second after it is stopped if a client that has ended its output does not read', async () => {
    const { paths, stop, end } = await serve(temporaryDirectory(), {});
    (await open(paths[0])).end('isuser:2:0\n'.repeat(200_000));
    (await open(paths[0])).end('isuser:2:0\n'.repeat(5000));
    await sleep(300);
    await expectEndWithin(5000, stop, end);
  });

  it('leaves no socket behind if one of them cannot be opened', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'taken'), '');
    await expect(serve(directory, { name: 'first' }, { name: 'taken' })).rejects.toThrow(ListenError);
    expect(existsSync(join(directory, 'first'))).toBe(false);
  });
});

describe('a socket whose file is replaced', () => {
  it('answers what it has read before it is closed', async () => {
    const { paths, end, warnings, answered, unanswered } = await serve(temporaryDirectory(), {});
    const socket = await open(paths[0]);
    const answers = readAll(socket);
    rmSync(paths[0] ?? '');
    const other = createServer().listen(paths[0]);
    onTestFinished(() => {
      other.close();
    });
    // So that a request is under way when the path is checked.
    const timer = setInterval(() => socket.write('isuser:2:300\n'), 100);
    await end;
    clearInterval(timer);
    expect(warnings).toEqual([
      [
        'socket replaced by another process; closing this listener',
        expect.objectContaining({ path: paths[0] }),
      ],
    ]);
    expect(answered()).toBeGreaterThan(0);
    expect([(await answers).length / 2, unanswered()]).toEqual([answered(), 0]);
  });
});
