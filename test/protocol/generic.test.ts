import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generic } from '../../src/protocol/generic.js';
import { MAX_REQUEST_BYTES } from '../../src/protocol/request.js';
import { answersOf, bytes, cuts, decode, split } from '../support/chunks.js';

const frames = (text: string | Buffer): unknown[] =>
  decode(generic, [Buffer.from(text)]).map((frame) =>
    frame === 'oversized' ? frame : frame.toString('latin1'),
  );

describe('generic', () => {
  it.each([
    ['a\nb\n', ['a', 'b']],
    ['a\r\nb\r\n', ['a\r', 'b\r']],
    ['a', []],
    ['a\nb', ['a']],
  ])('reads %j as %j', (text, expected) => {
    expect(frames(text)).toEqual(expected);
  });

  it('ignores a carriage return at the end of a line', () => {
    const codec = generic.createCodec();
    const parse = (line: string): unknown => codec.parse(Buffer.from(line), 'stdin');
    expect(parse('isuser:a:b\r')).toEqual(parse('isuser:a:b'));
    expect(parse('isuser:a:b\r\r')).toMatchObject({ operation: 'malformed' });
  });

  it('answers 1 and 0 with a newline', () => {
    expect(answersOf(generic)).toEqual([Buffer.from('1\n'), Buffer.from('0\n')]);
  });

  it('limits the length of a line', () => {
    const longest = 'x'.repeat(MAX_REQUEST_BYTES);
    expect(frames(`${longest}\n${longest}x\na\n`)).toEqual([longest, 'oversized', 'a']);
  });

  it('finds the same requests however the bytes are split', () => {
    const newlines = fc.array(
      fc.oneof(bytes(6000), fc.constant(Buffer.from('\n')), fc.constant(Buffer.from('\r\n'))),
    );
    fc.assert(
      fc.property(newlines, cuts, (parts, places) => {
        const stream = Buffer.concat(parts);
        expect(decode(generic, split(stream, places))).toEqual(decode(generic, [stream]));
      }),
      { numRuns: 150 },
    );
  });

  it('finds one request for each newline in any bytes', () => {
    fc.assert(
      fc.property(bytes(10_000), cuts, (stream, places) => {
        const newlines = stream.filter((byte) => byte === 0x0a).length;
        expect(decode(generic, split(stream, places))).toHaveLength(newlines);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps nothing of a line of 1 GB', () => {
    const codec = generic.createCodec();
    const before = process.memoryUsage().arrayBuffers;
    // A new chunk each time, so that a kept one is noticed.
    for (let sent = 0; sent < 1024; sent += 1)
      expect(codec.decode(Buffer.alloc(1024 * 1024, 'x'))).toEqual([]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * 1024 * 1024);
    expect(codec.decode(Buffer.from('\nisuser:a:b\n'))).toEqual(['oversized', Buffer.from('isuser:a:b')]);
  });
});
