import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;

/**
 * Appends to a file, at once and whole: what is written is not lost when the process is killed after it. Never waits for
 * the reader of a FIFO.
 *
 * @throws where it cannot be written, or not now
 */
export function append(path: string, text: string): void {
  // Opened each time, so that a file that was moved away by logrotate is made anew.
  const descriptor = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o640);
  try {
    // On the terminal of Prosody's stock module a log line is an answer, whatever path leads there.
    if (isatty(descriptor)) throw new Error('expected a file, found a terminal');
    writeSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}
