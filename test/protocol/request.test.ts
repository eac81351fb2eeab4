import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRequest } from '../../src/protocol/request.js';
import { bytes } from '../support/chunks.js';

const parse = (text: string): unknown => parseRequest(Buffer.from(text));
const malformed = { operation: 'malformed' };
const unsupported = { operation: 'unsupported' };

describe('parseRequest', () => {
  it.each([
    [
      'auth:alice:example.com:secret',
      { operation: 'auth', user: 'alice', host: 'example.com', password: 'secret' },
    ],
    [
      'auth:alice:example.com:a:b::',
      { operation: 'auth', user: 'alice', host: 'example.com', password: 'a:b::' },
    ],
    ['auth:alice:example.com:', { operation: 'auth', user: 'alice', host: 'example.com', password: '' }],
    [
      'auth:élodie:münchen.example:x',
      { operation: 'auth', user: 'élodie', host: 'münchen.example', password: 'x' },
    ],
    ['isuser:alice:example.com', { operation: 'isuser', user: 'alice', host: 'example.com' }],
    ['setpass:alice:example.com:new', unsupported],
    ['tryregister:alice:example.com:new', unsupported],
    ['removeuser:alice:example.com', unsupported],
    ['removeuser3:alice:example.com:secret', unsupported],
    ['certauth:alice:example.com', unsupported],
    ['AUTH:alice:example.com:secret', unsupported],
    ['', malformed],
    ['auth', malformed],
    ['auth:alice', malformed],
    ['auth:alice:example.com', malformed],
    ['isuser:alice:example.com:more', malformed],
    ['auth::example.com:x', malformed],
    ['auth:alice::x', malformed],
    ['isuser:alice@example.com:example.com', malformed],
    ['isuser:alice:example.com/phone', malformed],
    ['isuser:alice smith:example.com', malformed],
    ['isuser:al\u0000ice:example.com', malformed],
    ['isuser:al\u007fice:example.com', malformed],
    [`isuser:${'a'.repeat(1024)}:example.com`, malformed],
    [`isuser:${'é'.repeat(512)}:example.com`, malformed],
  ])('reads %j', (text, request) => {
    expect(parse(text)).toEqual(request);
  });

  it.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong "/"', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a cut character', [0xe2, 0x82]],
  ])('refuses UTF-8 with %s', (_, broken) => {
    expect(parseRequest(Buffer.from([...Buffer.from('auth:alice:example.com:'), ...broken]))).toEqual(
      malformed,
    );
  });

  it('keeps a byte order mark: it belongs to the password', () => {
    expect(parse('auth:a:b:\ufeffx')).toMatchObject({ password: '\ufeffx' });
    expect(parse('\ufeffauth:a:b:x')).toEqual(unsupported);
  });

  it('refuses what was too long to keep', () => {
    expect(parseRequest('oversized')).toEqual(malformed);
  });

  it('never throws, and never makes up a JID that reads in two ways', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          bytes(200),
          fc.string({ unit: 'binary' }).map((text) => Buffer.from(`auth:${text}`)),
        ),
        (frame) => {
          const request = parseRequest(frame);
          if ('user' in request)
            expect(`${request.user}@${request.host}`.split('@')).toEqual([request.user, request.host]);
        },
      ),
      { numRuns: 5000 },
    );
  });
});
