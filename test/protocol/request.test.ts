import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRequest, type Request } from '../../src/protocol/request.js';
import { bytes } from '../support/chunks.js';

const parse = (text: string): unknown => parseRequest(Buffer.from(text), 'stdin');

const malformed = { operation: 'malformed', context: { operation: 'malformed', listener: 'stdin' } };
const unknown = { operation: 'unsupported', context: { operation: 'unsupported', listener: 'stdin' } };

const contextOf = (operation: string, user: string, host: string): object => ({
  operation,
  jid: `${user}@${host}`,
  host,
  listener: 'stdin',
});
const auth = (user: string, host: string, password: string): object => ({
  ...{ operation: 'auth', user, host, password },
  context: contextOf('auth', user, host),
});
const isUser = (user: string, host: string): object => ({
  ...{ operation: 'isuser', user, host },
  context: contextOf('isuser', user, host),
});
const unsupported = (operation: string): object => ({
  operation: 'unsupported',
  context: contextOf(operation, 'alice', 'example.com'),
});

describe('parseRequest', () => {
  it.each([
    ['auth:alice:example.com:secret', auth('alice', 'example.com', 'secret')],
    ['auth:alice:example.com:a:b::', auth('alice', 'example.com', 'a:b::')],
    ['auth:alice:example.com:', auth('alice', 'example.com', '')],
    ['auth:élodie:münchen.example:x', auth('élodie', 'münchen.example', 'x')],
    ['isuser:alice:example.com', isUser('alice', 'example.com')],
    ['setpass:alice:example.com:new', unsupported('setpass')],
    ['tryregister:alice:example.com:new', unsupported('tryregister')],
    ['removeuser:alice:example.com', unsupported('removeuser')],
    ['removeuser3:alice:example.com:secret', unsupported('removeuser3')],
    ['certauth:alice:example.com', unknown],
    ['AUTH:alice:example.com:secret', unknown],
    ['toString:alice:example.com', unknown],
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
    expect(
      parseRequest(Buffer.from([...Buffer.from('auth:alice:example.com:'), ...broken]), 'stdin'),
    ).toEqual(malformed);
  });

  it('keeps a byte order mark: it belongs to the password', () => {
    expect(parse('auth:a:b:\ufeffx')).toMatchObject({ password: '\ufeffx' });
    expect(parse('\ufeffauth:a:b:x')).toEqual(unknown);
  });

  it('takes an oversized request as malformed', () => {
    expect(parseRequest('oversized', 'stdin')).toEqual(malformed);
  });

  it('keeps every password out of the context', () => {
    const operation = fc.constantFrom(
      'auth',
      'setpass',
      'tryregister',
      'removeuser3',
      'certauth',
      'checkpass',
    );
    fc.assert(
      fc.property(operation, fc.stringMatching(/^[:A-Z]{4,20}$/), (name, password) => {
        const { context } = parse(`${name}:alice:example.com:${password}`) as Request;
        expect(JSON.stringify(context)).not.toContain(password);
      }),
    );
    // The fields of an unknown operation can be in any order.
    expect(parse('change:hunter2:alice@example.com')).not.toHaveProperty('context.jid');
    expect(parse('change:hunter2:example.com')).toEqual(unknown);
  });

  it('never throws, and never makes a JID that can be read in two ways', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          bytes(200),
          fc.string({ unit: 'binary' }).map((text) => Buffer.from(`auth:${text}`)),
        ),
        (frame) => {
          const request = parseRequest(frame, 'stdin');
          if ('user' in request)
            expect(`${request.user}@${request.host}`.split('@')).toEqual([request.user, request.host]);
        },
      ),
      { numRuns: 5000 },
    );
  });
});
