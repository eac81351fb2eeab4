import { write as writeCallback } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { codeOf } from '../../errors.js';
import { wholeLines } from './partial-write.js';
import type { LogSink } from './sink.js';

const write = promisify(writeCallback);

const RETRY_MILLISECONDS = 10;
const CLOSE_WITHIN_MILLISECONDS = 500;
const EXIT_WITHIN_MILLISECONDS = 100;

/**
 * Writes to a descriptor that can block, on a thread of libuv's pool. Suits an open file that other processes share: O_NONBLOCK
 * would hold for them, too, and lose their lines. Use one for each descriptor, since each occupies a thread while it blocks.
 */
export class BackgroundWriter implements Pick<LogSink, 'write' | 'close'> {
  readonly #descriptor: number;
  #pending: Promise<void> | undefined;
  #fault: Error | undefined;
  #isWriting = false;
  #isExiting = false;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    process.on('exit', () => {
      this.#endThread();
    });
  }

  /**
   * @returns how many bytes were taken: 0 while earlier ones are being written
   * @throws if the previous write failed
   */
  write(bytes: Buffer): number {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault !== undefined) throw fault;
    // A write that starts at exit would block it until somebody reads.
    if (this.#pending !== undefined || this.#isExiting) return 0;
    this.#pending = this.#writeAll(Buffer.from(bytes)).finally(() => {
      this.#pending = undefined;
    });
    return bytes.length;
  }

  async close(flush: () => void): Promise<void> {
    flush();
    await this.#settle();
    // Also write what arrived during the first write.
    flush();
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await Promise.race([this.#pending, sleep(CLOSE_WITHIN_MILLISECONDS, undefined, { ref: false })]);
  }

  async #writeAll(bytes: Buffer): Promise<void> {
    let rest = bytes;
    while (rest.length > 0 && this.#fault === undefined) rest = rest.subarray(await this.#writeSome(rest));
  }

  async #writeSome(bytes: Buffer): Promise<number> {
    try {
      this.#isWriting = true;
      return (await write(this.#descriptor, wholeLines(bytes))).bytesWritten;
    } catch (error) {
      // Another process has set O_NONBLOCK.
      if (codeOf(error) === 'EAGAIN') await sleep(RETRY_MILLISECONDS, undefined, { ref: false });
      else this.#fault = error instanceof Error ? error : new Error(String(error));
      return 0;
    } finally {
      this.#isWriting = false;
    }
  }

  /** Kills the process if a write still blocks: at exit Node.js waits for every thread of the pool. */
  #endThread(): void {
    this.#isExiting = true;
    if (!this.#isWriting) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, EXIT_WITHIN_MILLISECONDS);
    process.kill(process.pid, 'SIGKILL');
  }
}
