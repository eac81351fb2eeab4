import { describe, expect, it } from 'vitest';
import { parseTime } from '../../src/cli/shared/time.js';
import { loadConfiguration } from '../../src/config/load.js';
import { temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';

const load = async (value: string, before = ''): Promise<number | undefined> => {
  const text = `${before}[[keys]]\nid = "a"\n${SECRETS}not_after = ${value}\n`;
  return (await loadConfiguration(temporaryFile(text), {})).hosts.keys[0]?.notAfter;
};

const IMPOSSIBLE = [
  '2020-02-30T00:00:00Z',
  '2021-02-29T00:00:00Z',
  '2100-02-29T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '2026-06-31T12:00:00+02:00',
  '2026-01-32T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T25:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T23:59:60Z',
  '2026-01-01T00:00:00+24:00',
  '2026-01-01T00:00:00+00:60',
  '2026-01-01T00:00:00+99:99',
  '2026-01-01T00:00:00-99:99',
];

const POSSIBLE = [
  '2024-02-29T00:00:00Z',
  '2000-02-29T23:59:59.999Z',
  '2026-12-31T23:59:59+23:59',
  '2026-12-31T00:00:00-12:00',
];

describe('a date or time that does not exist', () => {
  it.each(IMPOSSIBLE)('is refused as a date of TOML, as a text, and by --at: %s', async (text) => {
    await expect(load(text)).rejects.toThrow(/expected a date that exists|not TOML/);
    await expect(load(`"${text}"`)).rejects.toThrow(
      'keys.0.not_after: expected a date, a time and an offset',
    );
    expect(() => parseTime(text)).toThrow('--at: expected a time');
  });

  it.each(POSSIBLE)('is not one: %s', async (text) => {
    const instant = Date.parse(text);
    expect(await load(text)).toBe(instant);
    expect(await load(`"${text}"`)).toBe(instant);
    expect(parseTime(text)).toBe(instant);
  });

  it('is reported with its line, but not in a comment or a text', async () => {
    const before = '# was = 2020-02-30T00:00:00Z\nusers = """any\\\n  """\n';
    await expect(load('2020-02-30 00:00:00Z', before)).rejects.toThrow(
      'line 8: expected a date that exists, found 2020-02-30',
    );
    expect(await load('2026-01-01T00:00:00Z # = 2020-02-30', before)).toBe(Date.parse('2026-01-01'));
  });
});
