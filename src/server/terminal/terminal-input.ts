import { constants, openSync, readSync } from 'node:fs';
import { codeOf } from '../../errors.js';

const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
/** More than a terminal holds (n_tty's N_TTY_BUF_SIZE). */
const BUFFER = Buffer.alloc(8192);
const NOTHING = Buffer.alloc(0);

/**
 * Opens the terminal a second time, for reads that do not wait. Such a read finds all that was written before it: if there is
 * no input, the kernel first delivers what is still in its buffers (n_tty_read calls tty_buffer_flush_work).
 *
 * @param path such as `/proc/self/fd/0`
 * @returns a function that returns all input there is, and nothing if the other end is gone
 */
export function openTerminalInput(path: string): () => Buffer {
  const file = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  return () => {
    let input: Buffer = NOTHING;
    for (let chunk = readOnce(file); chunk.length > 0; chunk = readOnce(file)) {
      input = input.length === 0 ? chunk : Buffer.concat([input, chunk]);
    }
    return input;
  };
}

function readOnce(file: number): Buffer {
  const { stackTraceLimit } = Error;
  // Each drain ends in an exception, and collecting its stack would take a third of the time.
  Error.stackTraceLimit = 0;
  try {
    return Buffer.from(BUFFER.subarray(0, readSync(file, BUFFER)));
  } catch (error) {
    // EIO: the other end is gone, which the event loop notices as well.
    if (codeOf(error) === 'EAGAIN' || codeOf(error) === 'EIO') return NOTHING;
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
