import { renameSync, writeFileSync } from 'node:fs';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../directory.js';
import { SECRETS } from '../keys.js';
import { freePort } from '../system/ports.js';
import { PROGRAM, startXtokend } from '../xtokend.js';

/** An xtokend on pipes with a configuration of its own. */
export class Metered {
  readonly child: ChildProcessWithoutNullStreams;
  log = '';
  readonly #config: string;
  readonly #answers: AsyncIterator<string>;

  constructor(settings: string, program: string = PROGRAM) {
    const directory = temporaryDirectory();
    this.#config = join(directory, 'xtokend.toml');
    this.configure(settings);
    this.child = startXtokend(['serve', '--config', this.#config], { STATE_DIRECTORY: directory }, program);
    this.child.stderr.on('data', (data: Buffer) => (this.log += data.toString()));
    this.#answers = createInterface(this.child.stdout)[Symbol.asyncIterator]();
    onTestFinished(() => void this.child.kill('SIGKILL'));
  }

  /** Replaces the configuration, with the same secrets. */
  configure(settings: string): void {
    writeFileSync(`${this.#config}.new`, `${SECRETS}${settings}`, { mode: 0o600 });
    renameSync(`${this.#config}.new`, this.#config);
  }

  async ask(request: string): Promise<unknown> {
    this.child.stdin.write(`${request}\n`);
    return (await this.#answers.next()).value;
  }

  /** Waits until the log contains a text. */
  async says(text: string, timeout = 20_000): Promise<void> {
    await expect.poll(() => this.log, { timeout }).toContain(text);
  }

  /** Replaces the configuration, and waits until it is applied. */
  async reload(settings: string): Promise<void> {
    this.log = '';
    this.configure(settings);
    this.child.kill('SIGHUP');
    await this.says('info configuration reloaded');
  }
}

/** Returns a free port, and settings for metrics on it. */
export async function freshAddress(): Promise<{ settings: string; port: number }> {
  const port = await freePort();
  return { settings: `[metrics]\nlisten = "127.0.0.1:${port}"\n`, port };
}
