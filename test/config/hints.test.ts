import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/config/errors.js';
import { loadConfiguration } from '../../src/config/load.js';
import { temporaryFile } from '../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';

async function problemsOf(text: string): Promise<string> {
  const error: unknown = await loadConfiguration(temporaryFile(text), {}).catch((thrown: unknown) => thrown);
  if (!(error instanceof ConfigurationError)) throw new Error('expected problems', { cause: error });
  return error.problems.map(({ where, message }) => `${where}: ${message}`).join('\n');
}

const quotes = 'a text stands in quotes: name = "value"';
const equals = 'write name = "value"';
const comment = 'in TOML "#" does';

describe('a line that is not TOML', () => {
  it.each([
    ['-- the secrets\n', 1, `"--" begins a comment in Lua; ${comment}`],
    ['answer_within = 3 -- seconds\n', 1, `"--" begins a comment in Lua; ${comment}`],
    ['users = "any" -- "all"\n', 1, `"--" begins a comment in Lua; ${comment}`],
    ['// the secrets\n', 1, 'in TOML "#" begins a comment'],
    ['; the secrets\n', 1, `";" begins a comment in INI files; ${comment}`],
    ['users = "any";\n', 1, 'leave out the ";" or ","'],
    ['users = "any",\n', 1, 'leave out the ";" or ","'],
    ['log = {\n  target = "stderr";\n}\n', 2, 'leave out the ";" or ","'],
    ['{ "users": "any" }\n', 1, 'TOML has no braces around the file'],
    ['VirtualHost "example.com"\n', 1, "this is Lua, as Prosody's configuration"],
    ['users: any\n', 1, `":" stands between name and value in YAML; ${equals}`],
    ['log:\n  target: stderr\n', 1, `":" stands between name and value in YAML; ${equals}`],
    ['users := "any"\n', 1, `${equals}, with one "="`],
    ['users "any"\n', 1, equals],
    ['export users="any"\n', 1, `${equals}, with nothing before the name`],
    ['answer_within = 3 users = "any"\n', 1, 'write one setting on a line'],
    ['[log]\ntarget = stderr\n', 2, quotes],
    ['users = file:/etc/xtokend/users\n', 1, quotes],
    [`users = ${OTP_SEED}\n`, 1, quotes],
    ['users = 2BSWY3DPEHPK3PXP\n', 1, quotes],
    ['users = “any”\n', 1, 'typographic quotes'],
    ['users\u00a0= "any"\n', 1, 'a space or invisible character that TOML does not know'],
    ['\u200busers = "any"\n', 1, 'a space or invisible character that TOML does not know'],
    ['users = "any\nx = 1\n', 1, 'a quote is missing at one end'],
    ['users = any"\n', 1, 'a quote is missing at one end'],
    [String.raw`users = "file:C:\users"`, 1, 'a backslash begins an escape'],
    ['restrict_auth = yes\n', 1, 'write true or false, in small letters'],
    ['restrict_auth = True\n', 1, 'write true or false, in small letters'],
    ['users =\n', 1, 'the value is missing'],
    ['users = "any"\nusers = "seen"\n', 2, 'it stands in the file twice'],
    ['[keys]\nid = "a"\n[keys]\nid = "b"\n', 3, 'several keys are [[keys]]'],
    ['[hosts."example.com"\n', 1, 'with a bracket and perhaps a quote at both ends'],
    ['[hosts."example.com]\n', 1, 'with a bracket and perhaps a quote at both ends'],
    ['[log] target = "stderr"\n', 1, 'nothing stands behind [table]'],
    ['[hosts.bücher.example]\n', 1, 'stands in quotes: [hosts."example.com"]'],
    ['users = "any"\ranswer_within = 3\r', 1, 'lines that end in a carriage return alone'],
  ])('gets a hint: %j', async (text, line, hint) => {
    const said = await problemsOf(`${SECRETS}${text}`);
    expect(said).toContain(`line ${line + 2}, column `);
    expect(said).toContain(hint);
  });

  it('is none with a byte order mark and tabs', async () => {
    const text = `\ufeff\totp_seed\t=\t"${OTP_SEED}"\r\n\ttoken_secret = "${TOKEN_SECRET}"\r\n`;
    expect((await loadConfiguration(temporaryFile(text), {})).advice).toEqual([]);
  });
});

describe('a setting in the wrong place', () => {
  const top = 'write it at the top of the file, before the first [table]';
  it.each([
    [`[log]\n${SECRETS}`, `log.otp_seed: does not belong there (line 2): ${top}`],
    [`${SECRETS}[hosts."a.example"]\nanswer_within = 3\n`, `(line 4): ${top}`],
    [
      `${SECRETS}[metrics]\nlisten = "127.0.0.1:9"\nusers = "seen"\n`,
      `metrics.users: does not belong there (line 5): ${top}`,
    ],
    [`${SECRETS}[log.replay]\nstore = "memory"\n`, `log.replay: does not belong there (line 3): ${top}`],
    [
      `${SECRETS}[log]\nstore = "memory"\n`,
      'log.store: does not belong there (line 4): write it below [replay]',
    ],
    [
      `${SECRETS}not_after = 2027-01-01T00:00:00Z\n`,
      'not_after: does not belong there (line 3): write it below [[keys]]',
    ],
    [`${SECRETS}otpSeed = "x"\n`, 'otpSeed: there is no such setting (line 3); did you mean otp_seed?'],
    [
      `${SECRETS}TOKEN-SECRET = "x"\n`,
      'TOKEN-SECRET: there is no such setting (line 3); did you mean token_secret?',
    ],
    [`${SECRETS}[keys]\nid = "a"\n`, 'keys: expected [[keys]], in two brackets each'],
  ])('is sent where it belongs: %j', async (text, message) => {
    expect(await problemsOf(text)).toContain(message);
  });
});

describe('a host without quotes', () => {
  const write = (host: string): string => `write [hosts."${host}"]`;
  it.each([
    ['[hosts.example.com]\n', `hosts.example.com: a host stands in quotes (line 3): ${write('example.com')}`],
    ['[hosts.chat.example.com]\nusers = "any"\n', write('chat.example.com')],
    ['[hosts]\nexample.com = {}\n', `(line 4): ${write('example.com')}`],
    ['[hosts.chat.one.test]\n[hosts.chat.two.test]\n', write('chat.one.test')],
    ['[example.com]\n', write('example.com')],
    ['["example.com"]\n', write('example.com')],
    ['[domains."example.com"]\n', write('example.com')],
    ['[host."example.com"]\n', 'did you mean hosts?'],
  ])('is put into quotes: %j', async (text, message) => {
    expect(await problemsOf(`${SECRETS}${text}`)).toContain(message);
  });
});

describe('a seed in another spelling', () => {
  const groups = (OTP_SEED.match(/.{4}/g) ?? []).join(' ');
  const same = 'the same key is this one';
  it.each([
    [OTP_SEED.toLowerCase(), `${same} in capital letters`],
    [groups, `${same} without spaces and newlines`],
    [groups.toLowerCase(), `${same} in capital letters, without spaces and newlines`],
    [groups.replaceAll(' ', '-'), `${same} without signs between the letters`],
    [`'${OTP_SEED}'`, `${same} without quotes`],
    [`${OTP_SEED.slice(0, 16)}======${OTP_SEED.slice(16)}`, `${same} without "=" between the letters`],
    [`${OTP_SEED}\n`, `${same} without spaces and newlines`],
    [`otpauth://totp/chat?secret=${OTP_SEED}`, 'write the value of its parameter secret'],
    ['00112233445566778899aabbccddeeff', 'the same key is what `xxd -r -p | base32` makes of it'],
    [OTP_SEED.replaceAll('O', '0').replaceAll('B', '8'), 'if somebody has typed it off, 0 stands for O'],
  ])('is the same key, and no new one is advised: %j', async (seed, message) => {
    const said = await problemsOf(`otp_seed = ${JSON.stringify(seed)}\ntoken_secret = "${TOKEN_SECRET}"\n`);
    expect(said).toContain(message);
    expect(said).not.toContain('keygen');
    expect(said).not.toContain(OTP_SEED.slice(0, 8));
  });

  it.each([
    ['jbsw y3dp', 'expected at least 16 base32 characters, found 8; `xtokend keygen` makes a good one'],
    ['jbsw y3dp ehpk 3pxp a', 'found 17 characters, a length that base32 never has'],
    ['correct horse battery stäple', 'the digits 2–7 only; `xtokend keygen` makes a good one'],
  ])('is not one that can be used: %j', async (seed, message) => {
    expect(await problemsOf(`otp_seed = "${seed}"\ntoken_secret = "${TOKEN_SECRET}"\n`)).toContain(message);
  });

  it('is taken with padding', async () => {
    const text = `otp_seed = "${OTP_SEED}${OTP_SEED.slice(0, 2)}======"\ntoken_secret = "${TOKEN_SECRET}"\n`;
    expect((await loadConfiguration(temporaryFile(text), {})).advice).toEqual([]);
  });
});
