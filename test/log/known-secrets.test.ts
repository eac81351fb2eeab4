import { describe, expect, it } from 'vitest';
import { rememberSecret, withoutSecrets } from '../../src/log/known-secrets.js';

describe('known secrets', () => {
  it.each<[string, string]>([
    ['as it is', 'pass/"word" +1 is wrong'],
    ['in a URL', 'redis://:pass%2F%22word%22%20%2B1@host'],
    ['in a quoted field', 'cause="pass/\\"word\\" +1"'],
    ['twice', 'pass/"word" +1, pass/"word" +1'],
  ])('are replaced %s', (_, text) => {
    rememberSecret('pass/"word" +1');
    expect(withoutSecrets(text)).toContain('[secret]');
    expect(withoutSecrets(text)).not.toMatch(/pass|word/);
  });

  it('are replaced as a whole if one begins like another', () => {
    rememberSecret('abcdef');
    rememberSecret('abcdefghi');
    expect(withoutSecrets('abcdefghi abcdef')).toBe('[secret] [secret]');
  });

  it('are left alone if they are so short that any sentence can hold them', () => {
    rememberSecret('redis');
    expect(withoutSecrets('redis://127.0.0.1')).toBe('redis://127.0.0.1');
  });
});
