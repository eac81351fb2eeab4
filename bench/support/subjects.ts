import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../../test/support/daemon.js';
import { accepts } from '../../test/support/ports.js';
import { end } from '../../test/support/processes.js';
import { thenStopped } from './clean-up.js';
import { configurationOf } from './configuration.js';

/** A program that listens on a socket. */
export interface Listener {
  readonly path: string;
  readonly pid: number;
}

/** What a daemon's configuration differs in. */
export interface DaemonSettings {
  /** A directory of its own is made in it, for the log. */
  readonly directory: string;
  /** In which directory the replay cache is; in the memory, where it is left out. */
  readonly recordIn?: string;
  /** More lines. */
  readonly more?: string;
}

const START_MILLISECONDS = 5000;

/** Lends an xtokend on a socket. */
export function withDaemon<Result>(
  settings: DaemonSettings,
  action: (daemon: Listener) => Promise<Result>,
): Promise<Result> {
  const places = placesOf(settings);
  const daemon = new Daemon(configurationOf(places));
  const remove = async (): Promise<void> => {
    await daemon.remove();
    // It can be on another file system than the directory.
    if (places.cache !== undefined) await rm(places.cache, { recursive: true, force: true });
  };
  return thenStopped(remove, async () => {
    await daemon.start();
    return action({ path: daemon.socketPath, pid: daemon.pid });
  });
}

/** @returns what differs between configurations, with directories that are there */
export function placesOf({
  directory,
  recordIn,
  more = '',
}: DaemonSettings): Parameters<typeof configurationOf>[0] {
  const own = mkdtempSync(join(directory, 'xtokend-'));
  if (recordIn === undefined) return { folder: own, more };
  return { folder: own, cache: mkdtempSync(join(recordIn, 'record-')), more };
}

/** Lends a program that is told the path of the socket on which it is to listen as its last argument. */
export function withListener<Result>(
  directory: string,
  [program = '', ...args]: readonly string[],
  action: (listener: Listener) => Promise<Result>,
): Promise<Result> {
  const path = join(mkdtempSync(join(directory, 'echo-')), 'echo.sock');
  const child = spawn(program, [...args, path], { stdio: 'ignore' });
  return thenStopped(
    () => end(child),
    async () => {
      const latest = Date.now() + START_MILLISECONDS;
      while (!(await accepts({ path }))) {
        if (Date.now() > latest) throw new Error(`expected ${program} to listen`);
        await sleep(5);
      }
      return action({ path, pid: child.pid ?? 0 });
    },
  );
}
