import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { domainOf, normalizeJid } from '../../../src/credential/jid/jid.js';
import { requirePackage } from '../../support/run/requirements.js';
import { InvalidJidError } from '../../../src/errors.js';

const valid: [string, string][] = [
  ['alice@example.com', 'alice@example.com'],
  ['Alice@EXAMPLE.com', 'alice@example.com'],
  ['alice@example.com.', 'alice@example.com'],
  ['ÉLODIE@Bücher.Example', 'élodie@bücher.example'],
  ['Иван@example.com', 'иван@example.com'],
  ['straße@straße.example', 'strasse@strasse.example'],
  ['Ａlice@example.com', 'alice@example.com'],
  ['a\\40b@example.com', 'a\\40b@example.com'],
  ['o%27brien@localhost', 'o%27brien@localhost'],
  ['bob@XN--bcher-kva.example', 'bob@xn--bcher-kva.example'],
  ['bob@192.0.2.1', 'bob@192.0.2.1'],
];

const invalid = [
  'alice',
  '@example.com',
  'alice@',
  'alice@example.com/phone',
  'a lice@example.com',
  'a:b@example.com',
  'a"b@example.com',
  'a&b@example.com',
  'a\u0000b@example.com',
  'a\u0007b@example.com',
  'alice@exa mple.com',
  'alice@bob@example.com',
];

const UNSTABLE: [string, RegExp][] = [
  ['ᵃlice', /the user of the JID holds U\+1D43, which is not in Unicode 3\.2\. .* use plain letters/],
  ['Ⱥlice', /holds U\+023A/],
  ['alice\u{1f600}', /holds U\+1F600/],
  ['㏆', /chat servers do not agree on/],
  ['\u{2f868}', /chat servers do not agree on/],
  ['\u1100\u0301\u1161', /chat servers do not agree on/],
  ['\u05d0\u2801\u05d0', /chat servers do not agree on/],
];

/** Prepares JIDs with Prosody's own code: an empty line for each that it refuses. */
function preparedByProsody(jids: readonly string[]): string[] | undefined {
  const script = `package.path = "/usr/lib/prosody/?.lua;" .. package.path; package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath
    local jid = require "util.jid"
    for line in io.lines() do print(jid.prep(line, true) or "") end`;
  const lua = spawnSync('lua5.4', ['-e', script], { input: jids.join('\n'), encoding: 'utf8' });
  return lua.status === 0 ? lua.stdout.split('\n') : undefined;
}

describe('normalizeJid', () => {
  it.each(valid)('normalizes %s to %s', (text, normalized) => {
    expect(normalizeJid(text)).toBe(normalized);
  });

  it.each(invalid)('refuses %j', (text) => {
    expect(() => normalizeJid(text)).toThrow(InvalidJidError);
  });

  it.each(['alice@exam_ple..com', 'alice@exa%6dple.com', 'alice@a?b', 'alice@.'])(
    'refuses the domain of %j',
    (text) => {
      expect(() => normalizeJid(text)).toThrow(InvalidJidError);
    },
  );

  it('refuses a part that is longer than 1,023 bytes, before or after its preparation', () => {
    expect(normalizeJid(`${'a'.repeat(1023)}@example.com`)).toHaveLength(1035);
    for (const user of ['a'.repeat(1024), 'ａ'.repeat(342), '\u3316'.repeat(341)]) {
      expect(() => normalizeJid(`${user}@example.com`)).toThrow(/longer than 1023 bytes/);
    }
  });

  it.each(UNSTABLE)('refuses %s, which a server could take for another user', (text, message) => {
    expect(() => normalizeJid(`${text}@example.com`)).toThrow(InvalidJidError);
    expect(() => normalizeJid(`${text}@example.com`)).toThrow(message);
    expect(() => normalizeJid(`alice@${text}.example`)).toThrow(InvalidJidError);
  });

  it('refuses dots that are dots only to DNS, and accepts those that servers accept', () => {
    for (const dot of ['\u3002', '\uff61']) {
      expect(() => normalizeJid(`alice@chat${dot}example`)).toThrow(/not a host name/);
    }
    expect(normalizeJid('alice@chat\uff0eexample')).toBe('alice@chat.example');
    expect(() => normalizeJid('alice@chat.example\uff0e')).toThrow(/not a host name/);
  });

  it('prepares a domain as servers do, not as DNS does', () => {
    const hosts = ['İ.example', 'FAß.example', 'a\u00adb.example', 'a\u200db.example'];
    expect(hosts.map((host) => domainOf(normalizeJid(`a@${host}`)))).toEqual([
      'i̇.example',
      'fass.example',
      'ab.example',
      'ab.example',
    ]);
  });

  it('agrees with Prosody', (context) => {
    const prepared = preparedByProsody(valid.map(([text]) => text));
    if (prepared === undefined) {
      requirePackage(context, false, 'prosody');
      return;
    }
    expect(prepared.slice(0, valid.length)).toEqual(valid.map(([, normalized]) => normalized));
    // Prosody accepts a resource and a space in the domain, and cannot be sent a NUL in this way.
    const refused = invalid.filter(
      (text) =>
        text.includes('@') && !text.includes('/') && !text.includes('\u0000') && !text.includes('exa '),
    );
    expect(new Set(preparedByProsody(refused))).toEqual(new Set(['']));
  });
});

describe('domainOf', () => {
  it('returns the part after the @', () => {
    expect(domainOf('alice@example.com')).toBe('example.com');
  });
});
