import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectProtocol, protocols } from '../../src/protocol/detection.js';
import type { ProtocolName } from '../../src/protocol/protocol.js';
import { OPERATIONS } from '../../src/protocol/request.js';
import { bytes, cuts, split } from '../support/chunks.js';

const name = fc.stringMatching(/^[a-z]{1,9}$/);
const operation = fc.constantFrom(...OPERATIONS);
const body = fc.record({ operation, user: name, host: name, password: fc.string({ maxLength: 9000 }) });

/** Generates the first request of a stream in one protocol. */
const starts: Readonly<Record<ProtocolName, fc.Arbitrary<Buffer>>> = {
  generic: body.map((parts) => Buffer.from(`${Object.values(parts).join(':')}\n`)),
  ejabberd: body.map((parts) => {
    const request = Buffer.from(Object.values(parts).join(':'));
    return Buffer.concat([Buffer.from([request.length >> 8, request.length & 0xff]), request]);
  }),
  native: fc
    .tuple(fc.nat(99), fc.nat(99))
    .map(([major, minor]) => Buffer.from(`VERSION\t${major}\t${minor}\n`)),
};

/** Returns the frames and the detected protocol. */
function detect(chunks: readonly Buffer[]): { protocol: ProtocolName | undefined; frames: unknown[] } {
  const codec = protocols.auto.createCodec();
  const frames = chunks.flatMap((bytes) => {
    const chunk = Buffer.from(bytes);
    const found = codec.decode(chunk).map((frame) => (frame === 'oversized' ? frame : Buffer.from(frame)));
    // A codec must not keep a reference to a chunk.
    chunk.fill(0xff);
    return found;
  });
  return { protocol: codec.protocol, frames };
}

describe('detectProtocol', () => {
  it.each([
    ['', undefined],
    ['\0', 'ejabberd'],
    ['\x10', 'ejabberd'],
    ['\x00\x0aisuser:a:b', 'ejabberd'],
    // The length of a long request looks like text.
    ['\x20\x0aauth:', 'ejabberd'],
    ['\x7e\x7eauth', undefined],
    ['a', undefined],
    ['auth', 'generic'],
    ['isuser:a:b\n', 'generic'],
    ['foo:a:b\n', 'generic'],
    ['GET / HTTP/1.1', 'generic'],
    ['V', undefined],
    ['VERSION', undefined],
    ['VERSION\t', 'native'],
    ['VERSION 1', 'generic'],
    ['version\t', 'generic'],
    ['\x16\x03\x01\x02', 'generic'],
    ['\xff\xfe\xff', 'generic'],
  ] as const)('detects %j as %s', (start, expected) => {
    expect(detectProtocol(Buffer.from(start, 'latin1'))).toBe(expected);
  });

  it.each(['generic', 'ejabberd', 'native'] as const)(
    'detects %s however the bytes are split',
    (protocol) => {
      fc.assert(
        fc.property(starts[protocol], cuts, (stream, places) => {
          expect(detect(split(stream, places))).toEqual(detect([stream]));
          expect(detect([stream]).protocol).toBe(protocol);
        }),
        { numRuns: 200 },
      );
    },
  );

  it('finds the same in any bytes as the codec that it chooses, however they are split', () => {
    fc.assert(
      fc.property(bytes(600), cuts, (stream, places) => {
        const { protocol, frames } = detect(split(stream, places));
        if (protocol === undefined) expect(stream.length).toBeLessThan(14);
        else {
          const codec = protocols[protocol].createCodec();
          expect(frames).toEqual(codec.decode(stream));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('decides every stream within 14 bytes', () => {
    const text = fc
      .constantFrom('VERSION\t', ...OPERATIONS.map((known) => `xy${known}:`))
      .chain((start) =>
        fc.nat(start.length).map((length) => Buffer.from(`${start.slice(0, length)}########`.slice(0, 14))),
      );
    fc.assert(
      fc.property(fc.oneof(text, fc.uint8Array({ minLength: 14, maxLength: 14 })), (start) => {
        expect(detectProtocol(Buffer.from(start))).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });
});
