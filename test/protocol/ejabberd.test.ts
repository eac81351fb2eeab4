import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ejabberd } from '../../src/protocol/ejabberd.js';
import { MAX_REQUEST_BYTES } from '../../src/protocol/request.js';
import { answersOf, bytes, cuts, decode, split } from '../support/chunks.js';

function packet(body: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([length, body]);
}

const bodies = fc.array(fc.oneof(bytes(20), bytes(65_535)), { maxLength: 6 });

describe('ejabberd', () => {
  it('answers with a length and a number of two bytes each', () => {
    expect(answersOf(ejabberd)).toEqual([Buffer.from([0, 2, 0, 1]), Buffer.from([0, 2, 0, 0])]);
  });

  it('finds each request however the bytes are split', () => {
    fc.assert(
      fc.property(bodies, cuts, (list, places) => {
        const stream = Buffer.concat(list.map(packet));
        const expected = list.map((body) => (body.length > MAX_REQUEST_BYTES ? 'oversized' : body));
        expect(decode(ejabberd, split(stream, places))).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it('finds the same in any bytes, one at a time or all at once', () => {
    fc.assert(
      fc.property(bytes(5000), cuts, (stream, places) => {
        expect(decode(ejabberd, split(stream, places))).toEqual(decode(ejabberd, [stream]));
      }),
      { numRuns: 500 },
    );
  });

  it('counts an empty request as a request', () => {
    expect(decode(ejabberd, [Buffer.from([0, 0, 0, 0])])).toEqual([Buffer.alloc(0), Buffer.alloc(0)]);
  });

  it('waits for the end of a request', () => {
    expect(decode(ejabberd, [Buffer.from([0, 2, 65])])).toEqual([]);
  });

  it('reports after each byte whether it is inside a request', () => {
    const codec = ejabberd.createCodec();
    const states = [0, 2, 65, 66, 0, 0].map((byte) => {
      codec.decode(Buffer.from([byte]));
      return codec.isInRequest;
    });
    expect(states).toEqual([true, true, true, false, true, false]);
  });
});
