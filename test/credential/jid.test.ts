import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { domainOf, normalizeJid } from '../../src/credential/jid.js';
import { requirePackage } from '../support/requirement.js';
import { InvalidJidError } from '../../src/errors.js';

const good: [string, string][] = [
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

const bad = [
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

/** What Prosody itself makes of a JID: an empty line for one that it refuses. */
function preparedByProsody(jids: readonly string[]): string[] | undefined {
  const script = `package.path = "/usr/lib/prosody/?.lua;" .. package.path; package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath
    local jid = require "util.jid"
    for line in io.lines() do print(jid.prep(line, true) or "") end`;
  const lua = spawnSync('lua5.4', ['-e', script], { input: jids.join('\n'), encoding: 'utf8' });
  return lua.status === 0 ? lua.stdout.split('\n') : undefined;
}

describe('normalizeJid', () => {
  it.each(good)('brings %s into the form %s', (text, normalized) => {
    expect(normalizeJid(text)).toBe(normalized);
  });

  it.each(bad)('refuses %j', (text) => {
    expect(() => normalizeJid(text)).toThrow(InvalidJidError);
  });

  it.each(['alice@exam_ple..com', 'alice@exa%6dple.com', 'alice@a?b', 'alice@.'])(
    'refuses the domain of %j',
    (text) => {
      expect(() => normalizeJid(text)).toThrow(InvalidJidError);
    },
  );

  it('refuses a part of more than 1,023 bytes', () => {
    expect(normalizeJid(`${'a'.repeat(1023)}@example.com`)).toHaveLength(1035);
    expect(() => normalizeJid(`${'a'.repeat(1024)}@example.com`)).toThrow(InvalidJidError);
  });

  it('agrees with Prosody', (context) => {
    const prepared = preparedByProsody(good.map(([text]) => text));
    if (prepared === undefined) {
      requirePackage(context, false, 'prosody');
      return;
    }
    expect(prepared.slice(0, good.length)).toEqual(good.map(([, normalized]) => normalized));
    // A resource and a space in the domain are fine with Prosody; a NUL ends our line to it.
    const refused = bad.filter(
      (text) =>
        text.includes('@') && !text.includes('/') && !text.includes('\u0000') && !text.includes('exa '),
    );
    expect(new Set(preparedByProsody(refused))).toEqual(new Set(['']));
  });
});

describe('domainOf', () => {
  it('is what stands behind the @', () => {
    expect(domainOf('alice@example.com')).toBe('example.com');
  });
});
