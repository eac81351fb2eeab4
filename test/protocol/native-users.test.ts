import { describe, expect, it } from 'vitest';
import { native } from '../../src/protocol/native.js';
import type { Codec, ControlReply } from '../../src/protocol/protocol.js';
import { MAX_REQUEST_BYTES, type Request } from '../../src/protocol/request.js';

function greeted(): Codec {
  const codec = native.createCodec();
  parse(codec, 'VERSION\t1\t0');
  return codec;
}

function parse(codec: Codec, line: string): Request | ControlReply {
  return codec.parse(Buffer.from(line), 'socket');
}

describe('native', () => {
  it('parses the questions about many users', () => {
    const codec = greeted();
    expect(parse(codec, 'RECHECK\t1\texample.com\talice\tbob')).toEqual({
      operation: 'recheck',
      id: 1,
      host: 'example.com',
      users: ['alice', 'bob'],
      context: { operation: 'recheck', host: 'example.com', listener: 'socket' },
    });
    expect(parse(codec, 'LIST\t2\texample.com\tafter=7')).toMatchObject({ operation: 'list', after: '7' });
    expect(parse(codec, 'LIST\t3\texample.com')).toMatchObject({ operation: 'list', after: undefined });
    for (const [index, line] of ['RECHECK', 'RECHECK\t', 'LIST', 'LIST\t\tx'].entries()) {
      const [command = '', ...rest] = line.split('\t');
      expect(parse(codec, [command, index + 4, ...rest].join('\t'))).toMatchObject({
        operation: 'malformed',
      });
    }
  });

  it('limits the names of one request, so that an answer that repeats them fits into a line', () => {
    const names = (count: number): string => Array.from({ length: count }, () => 'x'.repeat(94)).join('\t');
    const [fitting, long] = [`RECHECK\t1\ta\t${names(40)}`, `RECHECK\t2\ta\t${names(40)}\tx`];
    const codec = greeted();
    const request = parse(codec, fitting);
    expect(request).toMatchObject({ operation: 'recheck' });
    const users = 'users' in request ? request.users : [];
    const answer = codec.encode(999_999_999_999_999, undefined, { version: 'x'.repeat(64), users });
    expect(answer.length - 1).toBeLessThanOrEqual(MAX_REQUEST_BYTES);
    expect(parse(codec, long)).toMatchObject({ operation: 'malformed', fault: /^RECHECK: expected HOST/ });
  });

  it('writes what an answer says beyond OK as parameters', () => {
    const codec = native.createCodec();
    const details = { version: 'a.1', users: ['alice', 'b\tb'], next: '2', revokedAt: 1_500_001 };
    expect(String(codec.encode(1, undefined, details))).toBe(
      'OK\t1\tversion=a.1\tuser=alice\tuser=b\x01tb\tnext=2\trevoked_at=1501\n',
    );
    expect(String(codec.encode(1, undefined, {}))).toBe('OK\t1\n');
  });
});
