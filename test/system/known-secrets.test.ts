import { describe, expect, it } from 'vitest';
import { rememberSecret, withoutSecrets } from '../../src/system/known-secrets.js';

describe('withoutSecrets', () => {
  it.each<[string, string]>([
    ['unencoded', 'pass/"word" +1 is wrong'],
    ['in a URL', 'redis://:pass%2F%22word%22%20%2B1@host'],
    ['in a quoted field', 'cause="pass/\\"word\\" +1"'],
    ['twice', 'pass/"word" +1, pass/"word" +1'],
  ])('replaces a secret %s', (_, text) => {
    rememberSecret('pass/"word" +1');
    expect(withoutSecrets(text)).toContain('[secret]');
    expect(withoutSecrets(text)).not.toMatch(/pass|word/);
  });

  it('replaces the longest secret first', () => {
    rememberSecret('abcdef');
    rememberSecret('abcdefghi');
    expect(withoutSecrets('abcdefghi abcdef')).toBe('[secret] [secret]');
  });

  it('ignores secrets of fewer than six characters', () => {
    rememberSecret('redis');
    expect(withoutSecrets('redis://127.0.0.1')).toBe('redis://127.0.0.1');
  });
});
