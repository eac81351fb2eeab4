import fc from 'fast-check';
import type { Protocol } from '../../src/protocol/protocol.js';
import type { Frame } from '../../src/protocol/request.js';

/** Generates any bytes. */
export const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength, size: 'max' }).map((array) => Buffer.from(array));

/** Generates offsets at which to cut a stream of bytes. */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.nat(20_000), { maxLength: 40 });

/** Splits a stream at the offsets. */
export function split(stream: Buffer, offsets: readonly number[]): Buffer[] {
  const sorted = [
    0,
    ...offsets.map((offset) => offset % (stream.length + 1)).sort((a, b) => a - b),
    stream.length,
  ];
  return sorted.slice(1).map((end, index) => stream.subarray(sorted[index], end));
}

/** Returns the answers that accept and that refuse. */
export function answersOf(protocol: Protocol): Buffer[] {
  const codec = protocol.createCodec();
  return [codec.encode(1, undefined), codec.encode(1, { reason: 'replayed', kind: 'expired' })];
}

/** Returns the frames that a new codec finds in the chunks. */
export function decode(protocol: Protocol, chunks: readonly Buffer[]): Frame[] {
  const codec = protocol.createCodec();
  // Overwrite each chunk after use, since a codec must not keep a reference to it.
  return chunks.flatMap((bytes) => {
    const chunk = Buffer.from(bytes);
    const frames = codec.decode(chunk);
    const copies = frames.map((frame) => (frame === 'oversized' ? frame : Buffer.from(frame)));
    chunk.fill(0xff);
    return copies;
  });
}
