const LINE_FEED = 0x0a;

/** Linux's PIPE_BUF: the kernel writes so many bytes to a pipe whole or not at all (pipe(7)). */
const ATOMIC_BYTES = 4096;

/**
 * Returns as many whole lines from the start of `bytes` as one write(2) to a pipe keeps together, so that the lines of other
 * processes come between lines and not inside them. A longer line is returned whole.
 */
export function wholeLines(bytes: Buffer): Buffer {
  if (bytes.length <= ATOMIC_BYTES) return bytes;
  const last = bytes.lastIndexOf(LINE_FEED, ATOMIC_BYTES - 1);
  const end = last >= 0 ? last : bytes.indexOf(LINE_FEED);
  return end < 0 ? bytes : bytes.subarray(0, end + 1);
}

/**
 * Writes bytes a few whole lines at a time, until not all of a piece is taken.
 *
 * @param write returns how many bytes it took
 * @returns how many bytes were written in all
 * @throws what `write` throws at the first piece; after that the next call meets the same fault
 */
export function writeWholeLines(bytes: Buffer, write: (piece: Buffer) => number): number {
  let written = 0;
  while (written < bytes.length) {
    const piece = wholeLines(bytes.subarray(written));
    try {
      const taken = write(piece);
      written += taken;
      if (taken < piece.length) break;
    } catch (error) {
      if (written === 0) throw error;
      break;
    }
  }
  return written;
}
