import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packets } from '../../src/protocol/packets.js';
import { MAX_REQUEST_BYTES } from '../../src/protocol/request.js';
import { bytes, cuts, decode, split } from '../support/chunks.js';

function packet(body: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([length, body]);
}

const bodies = fc.array(fc.oneof(bytes(20), bytes(65_535)), { maxLength: 6 });

describe('packets', () => {
  it('answers with a length and a number of two bytes each', () => {
    expect(packets.answers.yes.toString('hex')).toBe('00020001');
    expect(packets.answers.no.toString('hex')).toBe('00020000');
  });

  it('finds each request however the bytes are split', () => {
    fc.assert(
      fc.property(bodies, cuts, (list, places) => {
        const stream = Buffer.concat(list.map(packet));
        const expected = list.map((body) => (body.length > MAX_REQUEST_BYTES ? 'oversized' : body));
        expect(decode(packets, split(stream, places))).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it('finds the same in any bytes, one at a time or all at once', () => {
    fc.assert(
      fc.property(bytes(5000), cuts, (stream, places) => {
        expect(decode(packets, split(stream, places))).toEqual(decode(packets, [stream]));
      }),
      { numRuns: 500 },
    );
  });

  it('counts an empty request as a request', () => {
    expect(decode(packets, [Buffer.from([0, 0, 0, 0])])).toEqual([Buffer.alloc(0), Buffer.alloc(0)]);
  });

  it('waits for the end of a request', () => {
    expect(decode(packets, [Buffer.from([0, 2, 65])])).toEqual([]);
  });

  it('reports after each byte whether it is inside a request', () => {
    const decoder = packets.createDecoder();
    const states = [0, 2, 65, 66, 0, 0].map((byte) => {
      decoder.push(Buffer.from([byte]));
      return decoder.isInRequest;
    });
    expect(states).toEqual([true, true, true, false, true, false]);
  });
});
