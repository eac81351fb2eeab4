import { describe, expect, it } from 'vitest';
import { describeUnexpected, describeUnfinished } from '../../src/protocol/describe-start.js';

describe('describeUnexpected', () => {
  it.each([
    [
      'auth:alice:exam',
      'ejabberd',
      /^looks like the generic protocol, but .* ejabberd: remove --protocol ejabberd, /,
    ],
    ['isuser:a:b', 'ejabberd', /^looks like the generic protocol/],
    [
      '\0\x20auth:alice:ex',
      'generic',
      /^looks like the ejabberd protocol, .*or FileDescriptorName=generic of/,
    ],
    ['\0\x0aisuser:a:b', 'native', /^looks like the ejabberd protocol/],
    ['VERSION\t1\t0\n', 'generic', /^looks like the native protocol/],
    ['\x16\x03\x01\x02\0\x01\0\x01', 'ejabberd', /^looks like TLS/],
    ['\x16\x03\x01\x02\0\x01\0\x01', undefined, /^looks like TLS/],
    ['GET /metrics HTT', 'ejabberd', /^looks like HTTP/],
    ['POST / HTTP/1.1', 'generic', /^looks like HTTP/],
    ["<?xml version='1", 'generic', /^looks like XMPP/],
    ['au', 'ejabberd', /^text, but not a request of the generic, the ejabberd or the native protocol$/],
    ['VERS', undefined, /^text, but not a request/],
    ['\0', 'generic', /^binary data, but not a request/],
    ['secret', 'generic', /^text, but not a request/],
  ] as const)('describes %j in the protocol %s', (start, protocol, expected) => {
    expect(describeUnexpected(Buffer.from(start, 'latin1'), protocol)).toMatch(expected);
  });

  it.each([
    ['auth:alice:exam', 'generic'],
    ['\0\x20auth:alice:ex', 'ejabberd'],
    ['VERSION\t2\t0\n', 'native'],
  ] as const)('does not describe the start of a request: %j', (start, protocol) => {
    expect(describeUnexpected(Buffer.from(start, 'latin1'), protocol)).toBeUndefined();
  });
});

describe('describeUnfinished', () => {
  it('tells how a request ends', () => {
    expect(describeUnfinished('generic')).toBe(
      'incomplete request of the generic protocol: expected a line feed after it',
    );
    expect(describeUnfinished('ejabberd')).toMatch(/: expected as many bytes as its length says$/);
  });
});
