import { afterEach, describe, expect, it } from 'vitest';
import { decodeBase32, makeToken, signWith, type Recipe } from '../support/faulty-tokens.js';
import { temporaryFile } from '../support/directory.js';
import { NOW, OTHER_SECRET, OTHER_SEED, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { xtokend, type Ended } from '../support/xtokend.js';

const jid = 'alice@example.com';
const hosts = `${SECRETS}[hosts."example.com"]\n[hosts."other.example"]\notp_seed = "${OTHER_SEED}"\ntoken_secret = "${OTHER_SECRET}"\n`;

/** Shows `verify` a token. @returns what it says, which never holds the token */
function verify(token: string, { typed = jid, config = SECRETS, at = NOW } = {}): string {
  const args = ['verify', typed, '-', '--config', temporaryFile(config), '--at', String(at / 1000)];
  const { status, stdout, stderr } = xtokend(args, { input: token }) satisfies Ended;
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  for (const part of [token, token.slice(0, 20), token.slice(-20), OTP_SEED, TOKEN_SECRET]) {
    expect(stdout).not.toContain(part);
  }
  return stdout;
}

describe('xtokend verify, of a token whose signer mixes up UTC and local time', () => {
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
    ['America/New_York', 'not valid yet: its time is 5 h ahead', 'UTC-05:00'],
    ['America/St_Johns', 'not valid yet: its time is 3 h 30 min ahead', 'UTC-03:30'],
    ['Asia/Kathmandu', '5 h 45 min behind', 'UTC+05:45'],
    ['Europe/Berlin', '1 h behind', 'UTC+01:00'],
    ['Pacific/Kiritimati', '14 h behind', 'UTC+14:00'],
  ])('names the offset of %s', (zone, distance, offset) => {
    process.env['TZ'] = zone;
    const said = verify(makeToken(jid, utcnowAsLocal(NOW)));
    expect(said).toContain(distance);
    expect(said).toContain(`as timecode(datetime.utcnow()) does at ${offset}`);
    expect(said).toContain("take the Unix time, such as Python's time.time() or pyotp's totp.now()");
    expect(said).not.toContain('the clock of the signing machine');
    // In the past it may as well be what it looks like.
    expect(said.includes('expired ')).toBe(said.includes('behind'));
  });

  it.each([
    [NOW - 15 * 60_000, 'expired 14 min ago;'],
    [NOW - 100 * 60_000, 'expired 1 h 39 min ago;'],
    [NOW + 20 * 60_000, 'the clock of the signing machine is about 20 min ahead;'],
  ])('blames no time zone for a token of %i', (at, words) => {
    const said = verify(makeToken(jid, at));
    expect(said).toContain(words);
    expect(said).not.toContain('UTC');
  });
});

describe('xtokend verify, of a near miss', () => {
  const signed = (text: string): Recipe => ({ message: (otp, nonce) => otp + nonce + text });

  it.each<[string, Recipe, { typed?: string; config?: string }]>([
    [
      'signed for "Alice@example.com", with capital letters: a server sends small ones; sign for alice@example.com (the OTP is right)',
      signed('Alice@example.com'),
      { typed: 'Alice@Example.com' },
    ],
    [
      'signed for "alice@example.com/Kitchen", a full JID',
      signed(`${jid}/Kitchen`),
      { typed: `${jid}/Kitchen` },
    ],
    [
      String.raw`signed for "bob@corp.example@example.com", without the escapes of XEP-0106: a server sends a user name with \40 for "@"; sign for bob\40corp.example@example.com (`,
      signed('bob@corp.example@example.com'),
      { typed: String.raw`bob\40corp.example@example.com` },
    ],
    [String.raw`signed for "alice@example.com\n", with a space or a newline`, signed(`${jid}\n`), {}],
    ['signed for "alice", a user name without "@"', signed('alice'), {}],
    ['signed for "alice@other.example", another host', signed('alice@other.example'), { config: hosts }],
    ['signed with otp_seed: the two secrets are swapped', { sign: signWith(OTP_SEED) }, {}],
    ['rightly signed, but its OTP is made with SHA-256: use SHA-1', { algorithm: 'sha256' }, {}],
    [
      'its signature is made with the key "default" and its OTP with the key "other.example": take both',
      { seed: decodeBase32(OTHER_SEED) },
      { config: hosts },
    ],
    [
      'made with the key "other.example", which is not for example.com',
      { seed: decodeBase32(OTHER_SEED), sign: signWith(OTHER_SECRET) },
      { config: hosts },
    ],
  ])('says %s', (words, recipe, question) => {
    expect(verify(makeToken(jid, NOW, recipe), question)).toContain(words);
  });
});

describe('xtokend verify, of what is no token', () => {
  const token = makeToken(jid, NOW);
  const [digits = '', signature = ''] = token.split(' ');

  it('says what was found, and what it would say otherwise', () => {
    const bytes = verify(`${digits} b'${signature}'`);
    expect(bytes).toContain('this is not a token: expected 40 digits, a space and 44 characters of base64');
    expect(bytes).toContain("found b'…' around the signature, as Python prints bytes");
    expect(bytes).toContain('; without that it would be accepted\n');
    expect(verify(`"${makeToken('Alice@example.com', NOW)}"`)).toMatch(
      /found quotes around it: leave them out; besides, it is signed for "Alice@example\.com"/,
    );
    expect(verify(`"${token}"`, { at: NOW + 300_000 })).toContain(
      'besides, it is rightly signed, but expired',
    );
    expect(verify(digits)).toContain('found 40 digits and no signature: it was cut at the space');
    expect(verify(token.slice(0, 60))).toContain('found a signature of 19 characters: it was cut off');
  });

  it('finds an OTP of 6 digits in it', () => {
    expect(verify(makeToken(jid, NOW, { otpDigits: 6 }))).toContain(
      "found 38 digits: expected 40, the OTP's 8 and the nonce's 32; besides, it is rightly signed, but its OTP has 6 digits",
    );
  });
});

describe('a JID whose user name holds "@"', () => {
  it.each(['verify', 'mint'])('gets a hint from %s', (command) => {
    const args = [command, 'bob@corp.example@example.com', ...(command === 'verify' ? ['-'] : [])];
    const { status, stderr } = xtokend([...args, '--config', temporaryFile(SECRETS)]);
    expect(status).toBe(2);
    expect(stderr).toContain(String.raw`in the name of a user, write it as \40 (XEP-0106)`);
  });
});
