import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from './directory.js';

const SOURCE = fileURLToPath(new URL('clock.c', import.meta.url));

/** A wall clock that can be set, of all programs that are started with its environment. */
export class Clock {
  readonly env: NodeJS.ProcessEnv;
  readonly #file: string;
  #offset = 0;

  private constructor(directory: string) {
    this.#file = join(directory, 'offset');
    this.env = { LD_PRELOAD: join(directory, 'clock.so'), CLOCK_OFFSET: this.#file };
    closeSync(openSync(this.#file, 'w'));
    this.set(0);
  }

  /** @returns a clock for the time of a test, or `undefined` where there is no compiler */
  static create(): Clock | undefined {
    const directory = temporaryDirectory();
    const args = ['-O2', '-shared', '-fPIC', SOURCE, '-o', join(directory, 'clock.so')];
    return spawnSync('gcc', args, { stdio: 'inherit' }).status === 0 ? new Clock(directory) : undefined;
  }

  /** @param seconds how far it is ahead of the machine's */
  set(seconds: number): void {
    this.#offset = seconds;
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    // In place: whoever reads it has it mapped.
    const descriptor = openSync(this.#file, 'r+');
    writeSync(descriptor, bytes, 0, bytes.length, 0);
    closeSync(descriptor);
  }

  /** @returns milliseconds since the Unix epoch, by this clock */
  now = (): number => Date.now() + this.#offset * 1000;
}
