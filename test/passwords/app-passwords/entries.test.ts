import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatLines,
  idOf,
  lineOf,
  parseLines,
  type AppPasswordEntry,
} from '../../../src/passwords/app-passwords/entries.js';
import { formatHash, parseHash } from '../../../src/passwords/app-passwords/phc.js';
import { isLabel } from '../../../src/passwords/app-passwords/rules.js';

const HASH = '$scrypt$ln=14,r=8,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g';

function line(changes: object = {}): string {
  const fields = { jid: 'alice@example.com', label: 'phone', created: '2026-11-30T03:00:00Z', hash: HASH };
  return JSON.stringify({ ...fields, ...changes });
}

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));

const hashes = fc.record({
  parameters: fc.constantFrom({ ln: 14, r: 8, p: 1 }, { ln: 1, r: 1, p: 16 }, { ln: 16, r: 8, p: 2 }),
  salt: bytes(1, 64),
  hash: bytes(16, 64),
});

const entries: fc.Arbitrary<AppPasswordEntry> = fc.record({
  jid: fc.constantFrom('alice@example.com', 'bücher@xn--bcher-kva.example', String.raw`a\40b@example.com`),
  label: fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }).filter(isLabel),
  created: fc.integer({ min: 0, max: 4e12 }),
  hash: hashes,
});

const comments = fc.constantFrom('', '   ', '# a comment', '  # "jid"', '#{"jid":1}\r');

describe('a hash in PHC format', () => {
  it('is the same after it was formatted and parsed', () => {
    fc.assert(
      fc.property(hashes, (hash) => {
        expect(parseHash(formatHash(hash))).toEqual(hash);
      }),
    );
  });

  it.each([
    ['another algorithm', '$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA'],
    ['padding', `${HASH}=`],
    ['another alphabet', HASH.replace('c2Fs', 'c2-_')],
    ['a second spelling of the same bytes', HASH.replace(/g$/, 'h')],
    ['a leading zero', HASH.replace('ln=14', 'ln=014')],
    ['too much memory', HASH.replace('ln=14', 'ln=17')],
    ['too much memory by r', HASH.replace('r=8', 'r=33')],
    ['too much work', HASH.replace('p=1$', 'p=17$')],
    ['no work', HASH.replace('ln=14', 'ln=0')],
    ['N too large for r', HASH.replace('ln=14,r=8', 'ln=16,r=1')],
    ['a short hash', '$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$aGFzaA'],
    ['no salt', '$scrypt$ln=14,r=8,p=1$$aGFzaGhhc2hoYXNoaGFzaA'],
    ['text after it', `${HASH}\n`],
  ])('is refused with %s', (_, text) => {
    expect(() => parseHash(text)).toThrow(/^expected /);
  });
});

describe('the file of app passwords', () => {
  it('has the same entries after it was formatted and parsed, and keeps comments and empty lines', async () => {
    const texts = fc.uniqueArray(entries, { selector: ({ jid, label }) => `${jid} ${label}`, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(texts, fc.array(comments, { maxLength: 8 }), async (list, others) => {
        const lines = list.flatMap((entry, index) => [
          lineOf(entry),
          ...others.slice(index, index + 1).map((text) => ({ text, entry: undefined })),
        ]);
        const content = formatLines(lines);
        const parsed = await parseLines('file', content);
        expect(parsed.flatMap(({ entry }) => entry ?? [])).toEqual(list);
        expect(formatLines(parsed)).toBe(content);
      }),
    );
  });

  it('can have been edited: other line endings, spaces, and JIDs in another spelling', async () => {
    const text = `# mine\r\n ${line({ jid: 'Alice@EXAMPLE.com' })} \r\n\n${line({ jid: 'Bücher@example.com' })}`;
    const parsed = await parseLines('file', text);
    expect(parsed.map(({ entry }) => entry?.jid)).toEqual([
      ...[undefined, 'alice@example.com', undefined, 'bücher@example.com'],
    ]);
    expect(formatLines(parsed)).toBe(`${text}\n`);
  });

  it.each([
    ['no JSON', 'alice:secret', 'expected a JSON object, such as'],
    ['a cut-off line', line().slice(0, -9), 'expected a JSON object, such as'],
    ['a list', `[${line()}]`, 'expected a JSON object, such as'],
    ['another field', line({ password: 'x' }), 'expected a JSON object with the texts "jid", "label"'],
    ['a number', line({ created: 1 }), 'expected a JSON object with the texts "jid", "label"'],
    ['no user', line({ jid: 'example.com' }), 'jid: expected a JID like user@example.com, found no "@"'],
    ['a resource', line({ jid: 'a@b.c/d' }), 'jid: expected a bare JID'],
    ['an empty label', line({ label: '' }), 'label: expected 1 to 64 printable characters'],
    ['a long label', line({ label: 'x'.repeat(65) }), 'label: expected 1 to 64 printable characters'],
    ['a control character', line({ label: 'a\u001b[31m' }), 'label: expected 1 to 64 printable characters'],
    ['no time', line({ created: 'yesterday' }), 'created: expected a time such as'],
    ['no instant', line({ created: '2026-13-30T03:00:00Z' }), 'created: expected a time such as'],
    ['a bad hash', line({ hash: 'aGFzaGhhc2g' }), 'hash: expected $scrypt$'],
    [
      'a second one with the same name',
      line({ jid: 'ALICE@example.com' }),
      'expected each label once for alice@example.com, found the same on line 1',
    ],
  ])('is refused with %s; the message names the line, but no hash', async (_, text, expected) => {
    const parsing = parseLines('/etc/file', `${line()}\n\n${text}\n`);
    await expect(parsing).rejects.toMatchObject({ code: 'app-passwords-unavailable' });
    const { message } = (await parsing.catch((error: unknown) => error)) as Error;
    expect(message).toContain(`the app passwords /etc/file: line 3: ${expected}`);
    expect(message).toMatch(/\. Correct or remove this line$/);
    expect(message).not.toMatch(/c2Fsd|aGFza|secret/);
  });

  it('identifies an app password by a text from which its hash does not follow', async () => {
    const [first] = await parseLines('file', line());
    const id = first?.entry && idOf(first.entry);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    const [other] = await parseLines('file', line({ hash: HASH.replace('c2Fsd', 'd2Fsd') }));
    expect(other?.entry && idOf(other.entry)).not.toBe(id);
  });
});
