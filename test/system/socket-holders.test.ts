import { chmodSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeListeners, listenersAt } from '../../src/system/socket-holders.js';
import { temporaryDirectory } from '../support/directory.js';

async function listen(path: string): Promise<void> {
  const server = createServer().listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
}

describe('listenersAt', () => {
  it('finds the process that listens at a path', async () => {
    const path = join(temporaryDirectory(), 'xtokend.sock');
    expect(listenersAt(path)).toEqual([]);
    await listen(path);
    expect(listenersAt(path).flat()).toMatchObject([{ pid: process.pid, unit: undefined }]);
    expect(describeListeners(path).stop).toBe(`kill ${process.pid}`);
  });

  it('ignores a socket that another user gives the same name by a link', async () => {
    const path = join(temporaryDirectory(), 'xtokend.sock');
    // Anybody can replace a directory in this one.
    const others = temporaryDirectory();
    chmodSync(others, 0o777);
    const directory = join(others, 'directory');
    mkdirSync(directory);
    await listen(join(directory, 'xtokend.sock'));
    renameSync(directory, join(others, 'moved'));
    symlinkSync(join(path, '..'), directory);
    expect(listenersAt(path)).toEqual([]);
  });
});
