import { describe, expect, it } from 'vitest';
import { describeStart } from '../../src/protocol/describe-start.js';
import { framings } from '../../src/protocol/framings.js';

describe('describeStart', () => {
  it.each([
    ['auth:alice:exam', 'ejabberd', /^looks like the generic protocol: use --protocol generic, /],
    ['isuser:a:b', 'ejabberd', /^looks like the generic protocol/],
    [
      '\0\x20auth:alice:ex',
      'generic',
      /protocol: use --protocol ejabberd, --listen …,protocol=ejabberd, or File/,
    ],
    ['\0\x0aisuser:a:b', 'generic', /^looks like the ejabberd protocol/],
    ['auth:alice:exam', 'generic', /^a request of the generic protocol that does not end: .* line feed/],
    ['\0\x20auth:alice:ex', 'ejabberd', /^a request of the ejabberd protocol that does not end: .* length/],
    ['\x16\x03\x01\x02\0\x01\0\x01', 'ejabberd', /^looks like TLS/],
    ['\x16\x03\x01\x02\0\x01\0\x01', 'generic', /^looks like TLS/],
    ['GET /metrics HTT', 'ejabberd', /^looks like HTTP/],
    ['POST / HTTP/1.1', 'generic', /^looks like HTTP/],
    ["<?xml version='1", 'generic', /^looks like XMPP/],
    ['au', 'ejabberd', /^bytes that are no request of the ejabberd protocol/],
    ['\0', 'generic', /^bytes that are no request of the generic protocol/],
    ['secret', 'generic', /^bytes that are no request of the generic protocol$/],
  ] as const)('describes %j in the framing %s', (start, name, expected) => {
    expect(describeStart(Buffer.from(start, 'latin1'), framings[name])).toMatch(expected);
  });
});
