import fc from 'fast-check';
import type { Framing } from '../../src/protocol/framing.js';
import type { Frame } from '../../src/protocol/request.js';

/** Any bytes. */
export const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength, size: 'max' }).map((array) => Buffer.from(array));

/** Places at which to cut a stream of bytes. */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.nat(20_000), { maxLength: 40 });

/** @returns the stream in pieces */
export function split(stream: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [
    0,
    ...places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b),
    stream.length,
  ];
  return sorted.slice(1).map((end, index) => stream.subarray(sorted[index], end));
}

/** @returns the frames that a fresh decoder finds in the pieces */
export function decode(framing: Framing, pieces: readonly Buffer[]): Frame[] {
  const decoder = framing.createDecoder();
  // A decoder must not keep the chunk: what is written over it afterwards must not change a frame.
  return pieces.flatMap((piece) => {
    const chunk = Buffer.from(piece);
    const frames = decoder.push(chunk);
    const copies = frames.map((frame) => (frame === 'oversized' ? frame : Buffer.from(frame)));
    chunk.fill(0xff);
    return copies;
  });
}
