import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { framings } from '../../../src/passwords/command/framing.js';

const auth = (password: string, user = 'alice') =>
  ({ operation: 'auth', user, host: 'example.com', password }) as const;
const isUser = { operation: 'isuser', user: 'alice', host: 'example.com' } as const;

describe('the generic framing', () => {
  const framing = framings.generic;

  it('writes a request as a line', () => {
    expect(framing.encode(auth('a:b\tü '))?.toString()).toBe('auth:alice:example.com:a:b\tü \n');
    expect(framing.encode(isUser)?.toString()).toBe('isuser:alice:example.com\n');
  });

  const breaks = ['\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029'];
  it.each(['\r', '\n', '\0', 'x\nauth:bob:example.com:y', 'x\r', ...breaks])("can't carry %j", (text) => {
    expect(framing.encode(auth(text))).toBeUndefined();
    expect(framing.encode(auth('x', text))).toBeUndefined();
  });

  it('never writes more than one line of 1,000 bytes', () => {
    const longest = 'x'.repeat(1000 - 'auth:alice:example.com:\n'.length);
    expect(framing.encode(auth(longest))).toHaveLength(1000);
    expect(framing.encode(auth(`${longest}x`))).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 1200 }), (password) => {
        const text = framing.encode(auth(password))?.toString('latin1') ?? '\n';
        expect(text.length).toBeLessThanOrEqual(1000);
        expect(text.indexOf('\n')).toBe(text.length - 1);
      }),
    );
  });

  it.each([
    ['1\n', true],
    ['1\r\n', true],
    ['0\n', false],
    ['0\r\n', false],
    ['', 'incomplete'],
    ['1', 'incomplete'],
    ['0\r', 'incomplete'],
    ['1\n\n', 'invalid'],
    ['1\n1\n', 'invalid'],
    ['0\n1\n', 'invalid'],
    ['\n', 'invalid'],
    ['1 \n', 'invalid'],
    [' 1\n', 'invalid'],
    ['11\n', 'invalid'],
    ['1\r\r', 'invalid'],
    ['true\n', 'invalid'],
    ['\0\x02\0\x01', 'invalid'],
  ])('decodes %j as %s', (text, answer) => {
    expect(framing.decode(Buffer.from(text, 'latin1'))).toBe(answer);
  });
});

describe('the ejabberd framing', () => {
  const framing = framings.ejabberd;

  it('writes the length of a request before it', () => {
    expect(framing.encode(isUser)?.toString('latin1')).toBe('\0\x18isuser:alice:example.com');
    expect(framing.encode(auth('\r\n\0'))?.toString('latin1')).toBe('\0\x1aauth:alice:example.com:\r\n\0');
  });

  it('carries up to 65,535 bytes', () => {
    const longest = 'x'.repeat(0xffff - 'auth:alice:example.com:'.length);
    expect(framing.encode(auth(longest))?.subarray(0, 2)).toEqual(Buffer.from([0xff, 0xff]));
    expect(framing.encode(auth(`${longest}x`))).toBeUndefined();
  });

  it("can't carry a name with a colon, which would shift the fields", () => {
    expect(framing.encode(auth('x', 'alice:example.com'))).toBeUndefined();
  });

  it.each([
    ['\0\x02\0\x01', true],
    ['\0\x02\0\0', false],
    ['', 'incomplete'],
    ['\0\x02\0', 'incomplete'],
    ['\0\x02\0\x02', 'invalid'],
    ['\0\x02\x01', 'invalid'],
    ['\0\x02\0\x01\0', 'invalid'],
    ['1\n', 'invalid'],
  ])('decodes %j as %s', (text, answer) => {
    expect(framing.decode(Buffer.from(text, 'latin1'))).toBe(answer);
  });
});
