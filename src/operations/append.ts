import { closeSync, constants, openSync, writeSync } from 'node:fs';

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;

const STDERR = 2;

/**
 * Appends to a file, at once and whole: what is written is not lost when the process is killed after it. Never waits: not
 * for the reader of a FIFO, nor for that of a pipe that stands for stderr.
 *
 * @throws where it cannot be written, or not now
 */
export function append(path: string, text: string): void {
  // Opened each time, so that a file that was moved away by logrotate is made anew.
  const descriptor = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o640);
  try {
    writeSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes to stderr without waiting for whoever reads it, where that can be had.
 *
 * @throws where it cannot be written, or not now
 */
export function appendToStderr(text: string): void {
  try {
    // Opened anew it does not wait; the descriptor that we were given does, and is shared with others.
    append('/dev/stderr', text);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') throw error;
    // A socket, such as the journal's, and a file of another user cannot be opened anew.
    writeSync(STDERR, text);
  }
}
