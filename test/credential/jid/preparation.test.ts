import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { normalizeDomain, normalizeUser } from '../../../src/credential/jid/jid.js';
import { preparePlainDomain, preparePlainUser } from '../../../src/credential/jid/prepare.js';
import { InvalidJidError } from '../../../src/errors.js';
import { ejabberd, prosodies, type PreparingServer } from '../../support/servers/preparation.js';
import { requirePackage } from '../../support/run/requirements.js';

const LAST_CODE_POINT = 0x10ffff;

/** Text around a code point: marks that move and compose, jamo, both writing directions, capitals. */
const CONTEXTS = [
  (text: string) => `A${text}b`,
  (text: string) => `${text}\u0301`,
  (text: string) => `${text}\u0323\u0307`,
  (text: string) => `${text}\u3099`,
  (text: string) => `\u05d0${text}`,
  (text: string) => `\u0627${text}\u0627`,
  (text: string) => `\u1100${text}\u1161`,
  (text: string) => `\u09c7${text}\u09be`,
  (text: string) => `s\u00ad${text}`,
];
/** Code points whose preparation depends on their neighbours. A few of the 11,172 Hangul syllables are enough. */
const REACTIVE =
  /[\p{M}\p{Lu}\p{Lt}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\u1100-\u11ff\u2800-\u28ff]/u;
const HANGUL = /[\uac00-\ud7a3]/;

const alone = Array.from({ length: LAST_CODE_POINT + 1 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));
const reactive = alone.filter(
  (text, index) =>
    REACTIVE.test(text) || (text.normalize('NFKD') !== text && !(HANGUL.test(text) && index % 50 !== 0)),
);
const mixed = fc.sample(
  fc.array(fc.constantFrom(...reactive, ...alone.slice(0, 0x180)), { minLength: 2, maxLength: 6 }),
  { seed: 3454, numRuns: 10_000 },
);
const texts = [
  ...alone,
  ...reactive.flatMap((text) => CONTEXTS.map((place) => place(text))),
  ...mixed.map((characters) => characters.join('')),
];

const parts = [
  { part: 'user', profile: 'nodeprep', normalize: normalizeUser, plain: preparePlainUser },
  { part: 'domain', profile: 'nameprep', normalize: normalizeDomain, plain: preparePlainDomain },
] as const;

describe.each(parts)('every code point in a $part', ({ part, profile, normalize, plain }) => {
  /** The accepted texts with their prepared form. A refused text can't become another user. */
  const accepted = new Map<string, string>();

  beforeAll(() => {
    const { stackTraceLimit } = Error;
    // Most texts are refused, and stack traces take longer than everything else.
    Error.stackTraceLimit = 0;
    for (const text of texts) {
      const own = attempt(normalize, text);
      if (own !== undefined) accepted.set(text, own);
    }
    Error.stackTraceLimit = stackTraceLimit;
  }, 120_000);

  /** Returns the accepted texts that a server prepares in another way. */
  function differences({
    prepare,
  }: PreparingServer): { text: string; own: string; other: string | undefined }[] {
    // Servers also remove the final dot of a domain before they prepare it (util.jid of Prosody).
    const asked = [...accepted.keys()].map((text) => (part === 'user' ? text : text.replace(/\.$/, '')));
    const others = prepare(profile, asked);
    expect(others).toHaveLength(accepted.size);
    return [...accepted].flatMap(([text, own], index) => {
      const other = others[index];
      return own === other ? [] : [{ text: escape(text), own, other }];
    });
  }

  it('is often accepted, and unchanged by a second preparation', () => {
    const names = new Set(accepted.values());
    expect(names.size).toBeGreaterThan(100_000);
    expect([...names].filter((name) => attempt(normalize, name) !== name)).toEqual([]);
  });

  it('is prepared without tables only if the tables give the same result', () => {
    const plainly = texts.filter((text) => plain(text) !== undefined);
    expect(plainly.length).toBeGreaterThan(50);
    expect(plainly.filter((text) => plain(text) !== accepted.get(text))).toEqual([]);
  });

  it.for(prosodies)('is refused, or prepared as $name does', (server, context) => {
    requirePackage(context, server.isInstalled, server.name);
    expect(differences(server)).toEqual([]);
  });

  it('is refused, or prepared as ejabberd does, unless nobody can log in with it', (context) => {
    requirePackage(context, ejabberd.isInstalled, 'ejabberd');
    // ejabberd refuses some, and gives others a form that is not stable.
    const loggedIn = differences(ejabberd).filter(
      ({ other }) => other !== undefined && attempt(normalize, other) === other,
    );
    expect(loggedIn).toEqual([]);
  });
});

function attempt(normalize: (text: string) => string, text: string): string | undefined {
  try {
    return normalize(text);
  } catch (error) {
    if (error instanceof InvalidJidError) return undefined;
    throw error;
  }
}

function escape(text: string): string {
  return Array.from(text, (character) => character.codePointAt(0)?.toString(16)).join(' ');
}
