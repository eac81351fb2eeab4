import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { accepts } from '../system/ports.js';
import { runXtokend, startXtokend, type Ended } from '../xtokend.js';

const START_MILLISECONDS = 30_000;

/** An xtokend that listens on a Unix socket, and can be killed and restarted. */
export class Daemon {
  readonly socketPath: string;
  /** The lines that it has logged so far, over all its starts. */
  log = '';
  readonly #directory: string;
  readonly #configurationPath: string;
  #child: ChildProcessWithoutNullStreams | undefined;

  /** @param configuration the text of its configuration file */
  constructor(configuration: string) {
    this.#directory = mkdtempSync(join(tmpdir(), 'xtokend-daemon-'));
    this.socketPath = join(this.#directory, 'xtokend.sock');
    this.#configurationPath = join(this.#directory, 'xtokend.toml');
    writeFileSync(this.#configurationPath, configuration, { mode: 0o600 });
  }

  /** Starts xtokend, and returns when it accepts connections. */
  async start(): Promise<void> {
    const address = `unix:${this.socketPath}`;
    this.#child = startXtokend(['--config', this.#configurationPath, '--listen', address]);
    this.#child.stderr.on('data', (data: Buffer) => (this.log += data.toString()));
    const end = Date.now() + START_MILLISECONDS;
    while (!(await accepts({ path: this.socketPath }))) {
      if (Date.now() > end) throw new Error(`expected xtokend to listen; its log:\n${this.log}`);
      await sleep(5);
    }
  }

  /** Runs a command with its configuration. */
  run(command: string, ...args: readonly string[]): Promise<Ended> {
    return runXtokend([command, '--config', this.#configurationPath, ...args]);
  }

  /** Replaces the configuration, and returns when it is applied. */
  async reload(configuration: string): Promise<void> {
    const before = this.log.length;
    writeFileSync(this.#configurationPath, configuration, { mode: 0o600 });
    this.signal('SIGHUP');
    const end = Date.now() + START_MILLISECONDS;
    while (!this.log.slice(before).includes('info configuration reloaded')) {
      if (Date.now() > end) throw new Error(`expected a reload; the log since:\n${this.log.slice(before)}`);
      await sleep(5);
    }
  }

  /** The process ID; bin/xtokend becomes Node. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Sends a signal, and returns when the process has ended. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.exitCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  /** Kills the process and deletes its directory. */
  async remove(): Promise<void> {
    await this.end();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
