import { writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { codeOf } from '../../errors.js';

const LINE_FEED = 0x0a;

/** Linux's PIPE_BUF: a write(2) to a pipe of up to so many bytes is atomic (pipe(7)). */
const ATOMIC_BYTES = 4096;

/** Writes to a stream unless earlier bytes are still queued. @returns how many bytes it took */
export function writeUnlessFull(stream: Writable, bytes: Buffer): number {
  if (!stream.writable || stream.writableLength > 0) return 0;
  stream.write(bytes);
  return bytes.length;
}

/** Writes to a descriptor. @returns how many bytes were written: 0 if the write would block */
export function writeUnlessBlocked(descriptor: number, bytes: Buffer): number {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return 0;
    throw error;
  }
}

/**
 * Returns the whole lines from the start of `bytes` that one atomic write can hold, so that lines of other processes come between
 * lines and not inside them. Returns a longer line whole.
 */
export function wholeLines(bytes: Buffer): Buffer {
  if (bytes.length <= ATOMIC_BYTES) return bytes;
  const last = bytes.lastIndexOf(LINE_FEED, ATOMIC_BYTES - 1);
  const end = last >= 0 ? last : bytes.indexOf(LINE_FEED);
  return end < 0 ? bytes : bytes.subarray(0, end + 1);
}

/**
 * Writes {@link wholeLines} to a descriptor until one write is partial.
 *
 * @returns how many bytes were written in all
 * @throws if the first write fails; the next call meets a later failure again
 */
export function writeWholeLines(descriptor: number, bytes: Buffer): number {
  let written = 0;
  while (written < bytes.length) {
    const lines = wholeLines(bytes.subarray(written));
    try {
      const taken = writeUnlessBlocked(descriptor, lines);
      written += taken;
      if (taken < lines.length) break;
    } catch (error) {
      if (written === 0) throw error;
      break;
    }
  }
  return written;
}
