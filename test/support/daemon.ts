import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { accepts } from './ports.js';
import { startXtokend } from './xtokend.js';

const START_MILLISECONDS = 30_000;

/** An xtokend that listens on a Unix socket; it can be killed and started again. */
export class Daemon {
  readonly socketPath: string;
  /** What it has logged so far, over all its lives. */
  log = '';
  readonly #folder: string;
  #child: ChildProcessWithoutNullStreams | undefined;

  /** @param configuration the text of its configuration file */
  constructor(configuration: string) {
    this.#folder = mkdtempSync(join(tmpdir(), 'xtokend-daemon-'));
    this.socketPath = join(this.#folder, 'xtokend.sock');
    writeFileSync(join(this.#folder, 'xtokend.toml'), configuration, { mode: 0o600 });
  }

  /** @returns once it lets somebody in */
  async start(): Promise<void> {
    const address = `unix:${this.socketPath}`;
    this.#child = startXtokend(['--config', join(this.#folder, 'xtokend.toml'), '--listen', address]);
    this.#child.stderr.on('data', (data: Buffer) => (this.log += data.toString()));
    const end = Date.now() + START_MILLISECONDS;
    while (!(await accepts({ path: this.socketPath }))) {
      if (Date.now() > end) throw new Error(`expected xtokend to listen; it says\n${this.log}`);
      await sleep(5);
    }
  }

  /** bin/xtokend becomes Node: one process. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** @returns once it is gone */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.exitCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  /** Ends it and takes all away that it leaves. */
  async remove(): Promise<void> {
    await this.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
