import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRequest, parseReply } from '../../src/protocol/native-client.js';
import { native } from '../../src/protocol/native.js';
import type { Codec, ControlReply } from '../../src/protocol/protocol.js';
import { MAX_REQUEST_BYTES, type Request } from '../../src/protocol/request.js';
import { answersOf, bytes, cuts, decode, split } from '../support/chunks.js';

function greeted(): Codec {
  const codec = native.createCodec();
  parse(codec, 'VERSION\t1\t0');
  return codec;
}

function parse(codec: Codec, line: string | Buffer): Request | ControlReply {
  return codec.parse(Buffer.from(line), 'socket');
}

/** Returns the message of the error line. */
function faultOf(line: string | Buffer, codec: Codec = greeted()): string {
  const message = parse(codec, line);
  if (!('reply' in message) || message.fault === undefined) throw new Error('expected an error');
  expect(message.reply.toString()).toBe(`ERROR\t${message.fault}\n`);
  return message.fault;
}

describe('native', () => {
  it.each(['VERSION\t1\t0', 'VERSION\t1\t7', 'VERSION\t1\t0\tfuture=1'])(
    'replies to the first line %j',
    (line) => {
      expect(parse(native.createCodec(), line)).toEqual({ reply: Buffer.from('VERSION\t1\t0\n') });
    },
  );

  it.each(['VERSION\t2\t0', 'VERSION\t1', 'VERSION', 'AUTH\t1\ta\tb\tpassword=x', '', 'auth:a:b:c'])(
    'ends the connection after the first line %j',
    (line) => {
      expect(faultOf(line, native.createCodec())).toMatch(/^expected VERSION and the major version 1/);
    },
  );

  it('parses a login', () => {
    const line = 'AUTH\t7\talice\texample.com\tpassword=a=b\trip=192.0.2.7\tsecured\tfuture=x\tfuture';
    expect(parse(greeted(), line)).toEqual({
      operation: 'auth',
      id: 7,
      user: 'alice',
      host: 'example.com',
      password: 'a=b',
      context: {
        operation: 'auth',
        jid: 'alice@example.com',
        host: 'example.com',
        client: '192.0.2.7',
        isSecured: true,
        listener: 'socket',
      },
    });
  });

  it('parses the query for a user', () => {
    expect(parse(greeted(), 'USER\t1\talice\texample.com')).toMatchObject({
      operation: 'isuser',
      id: 1,
      user: 'alice',
      host: 'example.com',
      context: { operation: 'isuser', jid: 'alice@example.com', listener: 'socket' },
    });
  });

  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8::1', '2001:db8::1'],
    ['192.0.2.7:5222', undefined],
    ['example.com', undefined],
    ['', undefined],
    ['1" client="192.0.2.8', undefined],
  ])('takes the address %j as %j', (address, client) => {
    const { context } = parse(greeted(), `AUTH\t1\ta\tb\tpassword=x\trip=${address}`) as Request;
    expect(context).toMatchObject({ client, isSecured: client && false });
  });

  it.each([
    'AUTH\t1',
    'AUTH\t1\ta',
    'AUTH\t1\ta\tb',
    'AUTH\t1\t\tb\tpassword=x',
    'AUTH\t1\ta b\tc\tpassword=x',
    'AUTH\t1\ta\x01tb\tc\tpassword=x',
    'AUTH\t1\ta\tb\tpassword=x\tpassword=y',
    'AUTH\t1\ta\tb\tpassword=x\trip=192.0.2.7\trip=192.0.2.8',
    'AUTH\t1\ta\tb\tpassword=x\tsecured\tsecured=no',
    'USER\t1\ta@b\tc',
    Buffer.from('AUTH\t1\ta\tb\tpassword=\xff', 'latin1'),
  ])('refuses %j as malformed, and reads on', (line) => {
    const codec = greeted();
    expect(parse(codec, line)).toMatchObject({
      operation: 'malformed',
      id: 1,
      context: { listener: 'socket' },
    });
    expect(parse(codec, 'USER\t2\ta\tb')).toMatchObject({ operation: 'isuser', id: 2 });
  });

  it('refuses an unknown command, and does not repeat its fields', () => {
    const codec = greeted();
    expect(parse(codec, 'PASSWD\t1\tsecret')).toEqual({
      operation: 'unsupported',
      id: 1,
      context: { operation: 'unsupported', listener: 'socket' },
    });
    expect(parse(codec, 'USER\t2\ta\tb')).toMatchObject({ operation: 'isuser' });
  });

  it.each([
    ['', /^expected a command in capital letters, such as AUTH$/],
    ['auth\t1\ta\tb\tpassword=secret', /^expected a command/],
    ['VERSION\t1\t0', /^VERSION is allowed only as the first line$/],
    ['USER', /^expected an id of 1 to 15 digits, larger than the previous one$/],
    ['USER\t0\ta\tb', /^expected an id/],
    ['USER\t-1\ta\tb', /^expected an id/],
    ['USER\t01\ta\tb', /^expected an id/],
    ['USER\t1e3\ta\tb', /^expected an id/],
    ['USER\t1000000000000000\ta\tb', /^expected an id/],
    ['USER\t1\ta\x01x\tb', /^the line has an invalid escape, or a byte that must be escaped$/],
    ['USER\t1\ta\tb\x01', /^the line has/],
    ['USER\t1\ta\tb\r', /^the line has/],
    ['USER\t1\ta\0\tb', /^the line has/],
  ])('ends the connection after %j', (line, expected) => {
    expect(faultOf(line)).toMatch(expected);
  });

  it('ends the connection after an id that is not larger than the last one', () => {
    const codec = greeted();
    parse(codec, 'USER\t5\ta\tb');
    expect(faultOf('USER\t5\ta\tb', codec)).toMatch(/larger than the previous one/);
  });

  it('ends the connection after a line that is too long', () => {
    const [frame] = decode(native, [Buffer.from(`${'x'.repeat(MAX_REQUEST_BYTES + 1)}\n`)]);
    expect(frame).toBe('oversized');
    expect(greeted().parse('oversized', 'socket')).toEqual({
      reply: Buffer.from('ERROR\tthe line is longer than 4096 bytes\n'),
      fault: 'the line is longer than 4096 bytes',
    });
  });

  it('answers with the id, and with the reason of a refusal and its kind', () => {
    expect(answersOf(native).map(String)).toEqual(['OK\t1\n', 'FAIL\t1\treason=replayed\texpired\n']);
    expect(String(native.createCodec().encode(2, { reason: 'wrong-signature', kind: undefined }))).toBe(
      'FAIL\t2\treason=wrong-signature\n',
    );
  });

  it('never throws, and never accepts what follows an error', () => {
    const line = fc.oneof(
      bytes(200),
      fc
        .array(
          fc.constantFrom(
            'VERSION',
            'AUTH',
            'USER',
            '1',
            '2',
            'a',
            '\x01',
            '\x01t',
            '\r',
            'password=x',
            'rip=',
          ),
        )
        .map((fields) => Buffer.from(fields.join('\t'))),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (frames) => {
        const codec = greeted();
        let last = 0;
        for (const frame of frames) {
          const message = codec.parse(frame, 'socket');
          if ('reply' in message) {
            expect(message.fault).toBeDefined();
            // Such as a token that was sent without a command.
            expect(message.reply.toString()).toMatch(/^ERROR\t[ -~]+\n$/);
            continue;
          }
          expect(message.id).toBeGreaterThan(last);
          last = message.id ?? 0;
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('finds the same lines however the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(bytes(600), fc.constant(Buffer.from('\n')))), cuts, (parts, places) => {
        const stream = Buffer.concat(parts);
        expect(decode(native, split(stream, places))).toEqual(decode(native, [stream]));
      }),
      { numRuns: 150 },
    );
  });
});

describe('the client of the native protocol', () => {
  const part = fc.stringMatching(/^[a-z0-9é=.-]{1,20}$/u);
  const password = fc.string({ unit: 'binary', maxLength: 400 });

  it('writes requests that xtokend parses, whatever the password contains', () => {
    fc.assert(
      fc.property(part, part, password, (user, host, secret) => {
        const request = { operation: 'auth' as const, user, host, password: secret };
        const line = encodeRequest(1, request);
        expect(line.match(/\n/g)).toHaveLength(1);
        expect(parse(greeted(), line.slice(0, -1))).toMatchObject({
          ...request,
          context: { isSecured: true },
        });
      }),
    );
  });

  it.each([
    ['VERSION\t1\t0', { kind: 'version', major: 1 }],
    ['OK\t1', { kind: 'ok', id: 1 }],
    ['OK\t1\tfuture=1', { kind: 'ok', id: 1 }],
    ['FAIL\t2\treason=replayed\texpired', { kind: 'fail', id: 2, reason: 'replayed' }],
    ['FAIL\t2', { kind: 'fail', id: 2, reason: undefined }],
    ['ERROR\ta\x01tb', { kind: 'error', message: 'a\tb' }],
    ['OK', undefined],
    ['OK\tx', undefined],
    ['0', undefined],
    ['', undefined],
  ])('reads %j', (line, expected) => {
    expect(parseReply(line)).toEqual(expected);
  });
});
