import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeTabs, unescapeTabs } from '../../src/protocol/tab-escape.js';

describe('escapeTabs', () => {
  it('escapes as Dovecot does', () => {
    expect(escapeTabs('a\0b\x01c\td\ne\rf')).toBe('a\x010b\x011c\x01td\x01ne\x01rf');
  });

  it('is undone by unescapeTabs', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeTabs(text)).not.toMatch(/[\0\t\n\r]/);
        expect(unescapeTabs(escapeTabs(text))).toBe(text);
      }),
    );
  });
});
