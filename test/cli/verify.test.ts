import { afterEach, describe, expect, it } from 'vitest';
import { decodeBase32, makeToken, signWith, type Recipe } from '../support/faulty-tokens.js';
import { temporaryFile } from '../support/directory.js';
import { NOW, OTHER_SECRET, OTHER_SEED, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { xtokend, type Ended } from '../support/xtokend.js';

const jid = 'alice@example.com';
const hosts = `${SECRETS}[hosts."example.com"]\n[hosts."other.example"]\notp_seed = "${OTHER_SEED}"\ntoken_secret = "${OTHER_SECRET}"\n`;

/** Returns the output of `verify`, and expects that it repeats no token and no secret. */
function verify(token: string, { typed = jid, config = SECRETS, at = NOW } = {}): string {
  const args = ['verify', typed, '-', '--config', temporaryFile(config), '--at', String(at / 1000)];
  const { status, stdout, stderr } = xtokend(args, { input: token }) satisfies Ended;
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  for (const part of [token, token.slice(0, 20), token.slice(-20), OTP_SEED, TOKEN_SECRET]) {
    expect(stdout).not.toContain(part);
  }
  return stdout;
}

describe('xtokend verify with a token whose signer confuses UTC and local time', () => {
  const { TZ } = process.env;
  afterEach(() => {
    process.env['TZ'] = TZ;
  });

  /** pyotp's timecode(datetime.utcnow()): mktime(3) takes the fields of UTC for local ones. */
  function utcnowAsLocal(now: number): number {
    const utc = new Date(now);
    return new Date(
      utc.getUTCFullYear(),
      utc.getUTCMonth(),
      utc.getUTCDate(),
      utc.getUTCHours(),
      utc.getUTCMinutes(),
      utc.getUTCSeconds(),
    ).getTime();
  }

  it.each([
    ['America/New_York', 'not valid yet, because its time is 5 h ahead', 'UTC-05:00'],
    ['America/St_Johns', 'not valid yet, because its time is 3 h 30 min ahead', 'UTC-03:30'],
    ['Asia/Kathmandu', '5 h 45 min behind', 'UTC+05:45'],
    ['Europe/Berlin', '1 h behind', 'UTC+01:00'],
    ['Pacific/Kiritimati', '14 h behind', 'UTC+14:00'],
  ])('names the offset of %s', (zone, distance, offset) => {
    process.env['TZ'] = zone;
    const said = verify(makeToken(jid, utcnowAsLocal(NOW)));
    expect(said).toContain(distance);
    expect(said).toContain(`timecode(datetime.utcnow()) at ${offset}`);
    expect(said).toContain(
      "Use the Unix time, such as Python's time.time() or pyotp's totp.at(datetime.now(timezone.utc))",
    );
    expect(said).not.toContain('synchronize the clock');
    // A token of the past may also just have expired.
    expect(said.includes('expired ')).toBe(said.includes('behind'));
  });

  it.each([
    [NOW - 15 * 60_000, 'expired 14 min ago;'],
    [NOW - 100 * 60_000, 'expired 1 h 39 min ago;'],
    [NOW + 20 * 60_000, 'its time is about 20 min ahead: synchronize the clock of the signing machine;'],
  ])('names no time zone for a token of %i', (at, words) => {
    const said = verify(makeToken(jid, at));
    expect(said).toContain(words);
    expect(said).not.toContain('UTC');
  });
});

describe('xtokend verify with a near miss', () => {
  const signed = (text: string): Recipe => ({ message: (otp, nonce) => otp + nonce + text });

  it.each<[string, Recipe, { typed?: string; config?: string }]>([
    [
      'signed for "Alice@example.com", with capital letters, but a server sends lower case: sign for alice@example.com (the OTP is correct)',
      signed('Alice@example.com'),
      { typed: 'Alice@Example.com' },
    ],
    [
      'signed for "alice@example.com/Kitchen", a full JID',
      signed(`${jid}/Kitchen`),
      { typed: `${jid}/Kitchen` },
    ],
    [
      String.raw`signed for "bob@corp.example@example.com", without the escapes of XEP-0106, but a server sends \40 for "@" in a user name: sign for bob\40corp.example@example.com (`,
      signed('bob@corp.example@example.com'),
      { typed: String.raw`bob\40corp.example@example.com` },
    ],
    [String.raw`signed for "alice@example.com\n", with a space or a newline`, signed(`${jid}\n`), {}],
    ['signed for "alice", a user name without "@"', signed('alice'), {}],
    ['signed for "alice@other.example", another host', signed('alice@other.example'), { config: hosts }],
    ['signed with otp_seed: the two secrets are swapped', { sign: signWith(OTP_SEED) }, {}],
    ['correctly signed, but the OTP is made with SHA-256: use SHA-1', { algorithm: 'sha256' }, {}],
    [
      'the signature is made with the key "default", but the OTP with the key "other.example": use both',
      { seed: decodeBase32(OTHER_SEED) },
      { config: hosts },
    ],
    [
      'made with the key "other.example", which is not for example.com',
      { seed: decodeBase32(OTHER_SEED), sign: signWith(OTHER_SECRET) },
      { config: hosts },
    ],
  ])('prints: %s', (words, recipe, question) => {
    expect(verify(makeToken(jid, NOW, recipe), question)).toContain(words);
  });
});

describe('xtokend verify with a text that is not a token', () => {
  const token = makeToken(jid, NOW);
  const [digits = '', signature = ''] = token.split(' ');

  it('describes the text, and judges the token in it', () => {
    const bytes = verify(`${digits} b'${signature}'`);
    expect(bytes).toContain('this is not a token: expected 40 digits, a space and 44 characters of base64');
    expect(bytes).toContain("found b'…' around the signature, as Python prints bytes");
    expect(bytes).toContain('; without that it would be accepted\n');
    expect(verify(`"${makeToken('Alice@example.com', NOW)}"`)).toMatch(
      /found quotes around it: leave them out; the token in it is signed for "Alice@example\.com"/,
    );
    expect(verify(`"${token}"`, { at: NOW + 300_000 })).toContain(
      'the token in it is correctly signed, but it expired',
    );
    expect(verify(digits)).toContain('found 40 digits and no signature: it was cut at the space');
    expect(verify(token.slice(0, 60))).toContain('found a signature of 19 characters: it was cut off');
  });

  it('finds an OTP of 6 digits in it', () => {
    expect(verify(makeToken(jid, NOW, { otpDigits: 6 }))).toContain(
      'found 38 digits: expected 40, 8 of the OTP and 32 of the nonce; the token in it is correctly signed, but the OTP has 6 digits',
    );
  });
});

describe('a JID with "@" in its user name', () => {
  it.each(['verify', 'mint'])('gets a hint from %s', (command) => {
    const args = [command, 'bob@corp.example@example.com', ...(command === 'verify' ? ['-'] : [])];
    const { status, stderr } = xtokend([...args, '--config', temporaryFile(SECRETS)]);
    expect(status).toBe(2);
    expect(stderr).toContain(String.raw`In a user name, write "@" as \40 (XEP-0106)`);
  });
});
