import fc from 'fast-check';
import { Decoder } from 'ioredis/built/resp/decoder.js';
import { describe, expect, it } from 'vitest';
import { ReplyCounter } from '../../../src/replay/redis/checked-stream.js';

function count(text: string): number {
  const counter = new ReplyCounter();
  counter.read(Buffer.from(text, 'latin1'));
  return counter.count;
}

const reply = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('+OK\r\n', '-ERR no\r\n', ':0\r\n', ':-12\r\n', '$-1\r\n', '*-1\r\n', '*0\r\n', '+\r\n'),
    fc.string({ unit: 'binary-ascii' }).map((text) => `$${text.length}\r\n${text}\r\n`),
    fc.array(tie('any'), { maxLength: 4 }).map((items) => `*${items.length}\r\n${items.join('')}`),
  ),
})).any;

describe('ReplyCounter', () => {
  it('counts replies, however they are split', () => {
    fc.assert(
      fc.property(fc.array(reply), fc.array(fc.nat(20)), (replies, cuts) => {
        const bytes = Buffer.from(replies.join(''), 'latin1');
        const counter = new ReplyCounter();
        let at = 0;
        for (const length of cuts) counter.read(bytes.subarray(at, (at += length)));
        counter.read(bytes.subarray(at));
        expect(counter.count).toBe(replies.length);
      }),
    );
  });

  it('counts every reply that ioredis finds in the bytes that it returns', () => {
    const piece = fc.constantFrom(
      ...['\r\n', '\r\n', '\r\n', '\r', '\n', '+', '-', '$', '*', ':', '_', '#', '>', '0', '1', '2', '3'],
      ...['-1', 'a', ' ', '$-1\r\n', '$-', '*2\r\n', '$1\r\na\r\n', ':1\r\n', '+\r\n'],
    );
    fc.assert(
      fc.property(fc.array(fc.array(piece, { maxLength: 8 }), { maxLength: 4 }), (chunks) => {
        const counter = new ReplyCounter();
        let found = 0;
        const find = (): void => void (found += 1);
        const handlers = { onReply: find, onErrorReply: find, onPush: find };
        const decoder = new Decoder({ getTypeMapping: () => ({}), ...handlers });
        try {
          for (const chunk of chunks) decoder.write(counter.read(Buffer.from(chunk.join(''))));
        } catch {
          // Either of them rejects it: the connection is closed.
        }
        expect(found).toBeLessThanOrEqual(counter.begun);
      }),
      { numRuns: 20_000 },
    );
  });

  it('counts a redirection as a reply', () => {
    expect(count('-MOVED 16383 127.0.0.1:6379\r\n-ASK 0 [2001:db8::1]:6379\r\n'.replace(/[[\]]/g, ''))).toBe(
      2,
    );
  });

  it('counts complete replies only', () => {
    expect(count('*2\r\n:1\r\n$3\r\nab')).toBe(0);
    expect(count('+OK\r\n$3\r\nabc\r\n*1\r\n')).toBe(2);
  });

  it.each<[string, string, string]>([
    ['another protocol', 'HTTP/1.1 400 Bad Request\r\n', 'no RESP 2'],
    ['no length', '$\r\n', 'no RESP 2'],
    ['half a length', '$1x\r\n', 'no RESP 2'],
    ['a line that ends with a line feed only', ':1\n', 'no RESP 2'],
    ['an empty line', '\n', 'no RESP 2'],
    ['a huge text', '$12345678\r\n', 'no RESP 2'],
    ['a huge array', '*99999999999\r\n', 'no RESP 2'],
    ['a negative length', '$-2\r\n', 'no RESP 2'],
    ['a push', '>1\r\n', 'no RESP 2'],
    ['a long text', '$2000000\r\n', 'too long'],
    ['a long array', '*2000000\r\n', 'too long'],
    ['long texts in an array', `*9\r\n${`$200000\r\n${'x'.repeat(200_000)}\r\n`.repeat(6)}`, 'too long'],
    ['nested arrays', '*1\r\n'.repeat(9), 'nested too deep'],
    ['a carriage return within a line', '+OK\rx$-1\r\n', 'no RESP 2'],
    ['a redirection without a slot', '-MOVED\r\n', 'invalid redirection'],
    ['a redirection without an address', '-ASK 1\r\n', 'invalid redirection'],
    ['a redirection to no port', '-MOVED 1 127.0.0.1:99999\r\n', 'invalid redirection'],
    ['a redirection of no slot', '-MOVED 16384 127.0.0.1:1\r\n', 'invalid redirection'],
    ['a line without end', '+'.padEnd(70_000, 'x'), 'endless line'],
  ])('refuses %s', (_, text, cause) => {
    expect(() => count(text)).toThrow(expect.objectContaining({ cause }));
  });
});
