import type { Writable } from 'node:stream';

/** Hands bytes to a stream that does not wait. @returns how many it took: none while it still has some, or is gone */
export function writeUnlessFull(stream: Writable, bytes: Buffer): number {
  if (!stream.writable || stream.writableLength > 0) return 0;
  stream.write(bytes);
  return bytes.length;
}
