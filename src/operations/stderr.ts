import { fstatSync, writeSync } from 'node:fs';
import { codeOf } from '../errors.js';
import { append } from './append.js';

const STDERR = 2;
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * @returns a function that writes to stderr without waiting for whoever reads it, where that can be had; it throws where
 *   that reader does not read
 */
export function openStderr(): (text: string) => void {
  return isSocket() ? openSocket() : appendToStderr;
}

function isSocket(): boolean {
  try {
    return fstatSync(STDERR).isSocket();
  } catch {
    // Closed.
    return false;
  }
}

/** The journal's, for one. */
function openSocket(): (text: string) => void {
  // Node's own: a second one on the same descriptor would keep it, now and then, from closing any socket.
  const { stderr } = process;
  stderr.on('error', () => undefined);
  return (text) => {
    if (stderr.writableLength > MAX_WAITING_BYTES) throw new Error('nobody reads stderr');
    stderr.write(text);
  };
}

function appendToStderr(text: string): void {
  try {
    // Opened anew it does not wait; the descriptor that we were given does, and is shared with others.
    append('/dev/stderr', text);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') throw error;
    // A person's terminal, or a file of another user that cannot be opened anew.
    writeSync(STDERR, text);
  }
}
