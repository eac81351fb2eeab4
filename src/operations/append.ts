import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { codeOf } from '../errors.js';

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;

/**
 * Appends to a file at once: what is written is not lost when the process is killed after it. Never waits for the reader
 * of a FIFO.
 *
 * @returns how many bytes were written: not all where a FIFO is full, or a disk
 * @throws where it cannot be written
 */
export function append(path: string, data: Buffer | string): number {
  // Opened each time, so that a file that was moved away by logrotate is made anew.
  const descriptor = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o640);
  try {
    // On the terminal of Prosody's stock module a log line is an answer, whatever path leads there.
    if (isatty(descriptor)) throw new Error('expected a file, found a terminal');
    return writeSync(descriptor, typeof data === 'string' ? Buffer.from(data) : data);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return 0;
    throw error;
  } finally {
    closeSync(descriptor);
  }
}
