import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { codeOf, messageOf } from '../errors.js';

/** Far more than any configuration or secret needs. */
const MAX_FILE_BYTES = 1024 * 1024;
/** The byte order marks of UTF-16, which editors on Windows write. UTF-8 cannot begin with them. */
const UTF_16_MARKS: readonly string[] = ['fffe', 'feff'];

/**
 * Reads a text file.
 *
 * @throws {Error} if it is missing, not a regular file, too large or not UTF-8; see {@link explainReadError}
 */
export function readTextFile(path: string, maxBytes: number = MAX_FILE_BYTES): string {
  // Without O_NONBLOCK, a FIFO instead of the file would block the daemon.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new Error('expected a regular file');
    if (stat.size > maxBytes) throw new Error(`expected at most ${maxBytes} bytes, found ${stat.size}`);
    const bytes = readFileSync(descriptor);
    if (UTF_16_MARKS.includes(bytes.toString('hex', 0, 2)))
      throw new Error('expected UTF-8 text, found UTF-16; save it as UTF-8');
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } finally {
    closeSync(descriptor);
  }
}

/** Explains why a file could not be read, without repeating its path. */
export function explainReadError(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
      return `this user (uid ${String(process.getuid?.())}) may not read it`;
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'expected UTF-8 text, found other bytes';
    case undefined:
      return messageOf(error);
    default:
      // The system's message contains the path, which may be a secret that somebody pasted.
      return `it cannot be read (${String(codeOf(error))})`;
  }
}

/** Returns whether a file could not be read because it does not exist. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}
