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

const quotes = 'a text needs quotes: name = "value"';
const equals = 'write name = "value"';
const comment = 'comments begin with "#" in TOML';

describe('a line that is not TOML', () => {
  it.each([
    ['-- the secrets\n', 1, `${comment}, not with "--" as in Lua`],
    ['answer_within = 3 -- seconds\n', 1, `${comment}, not with "--" as in Lua`],
    ['users = "any" -- "all"\n', 1, `${comment}, not with "--" as in Lua`],
    ['// the secrets\n', 1, `${comment}, on each line`],
    ['; the secrets\n', 1, `${comment}, not with ";" as in INI files`],
    ['users = "any";\n', 1, 'remove the ";" or ","'],
    ['users = "any",\n', 1, 'remove the ";" or ","'],
    ['log = {\n  target = "stderr";\n}\n', 2, 'remove the ";" or ","'],
    ['{ "users": "any" }\n', 1, 'TOML has no braces around the file'],
    ['VirtualHost "example.com"\n', 1, 'this is Lua'],
    ['users: any\n', 1, `is YAML: ${equals}`],
    ['log:\n  target: stderr\n', 1, `is YAML: ${equals}`],
    ['users := "any"\n', 1, `${equals}, with one "="`],
    ['users "any"\n', 1, equals],
    ['export users="any"\n', 1, `${equals}, with nothing before the name`],
    ['answer_within = 3 users = "any"\n', 1, 'write one setting per line'],
    ['[log]\ntarget = stderr\n', 2, quotes],
    ['users = file:/etc/xtokend/users\n', 1, quotes],
    [`users = ${OTP_SEED}\n`, 1, quotes],
    ['users = 2BSWY3DPEHPK3PXP\n', 1, quotes],
    ['users = “any”\n', 1, 'typographic quotes'],
    ['users\u00a0= "any"\n', 1, 'a space or invisible character'],
    ['\u200busers = "any"\n', 1, 'a space or invisible character'],
    ['users = "any\nx = 1\n', 1, 'a quote is missing at one end'],
    ['users = any"\n', 1, 'a quote is missing at one end'],
    [String.raw`users = "file:C:\users"`, 1, 'a backslash begins an escape'],
    ['restrict_auth = yes\n', 1, 'write true or false, in lower case'],
    ['restrict_auth = True\n', 1, 'write true or false, in lower case'],
    ['users =\n', 1, 'the value is missing'],
    ['users = "any"\nusers = "seen"\n', 2, 'it is in the file twice'],
    ['[keys]\nid = "a"\n[keys]\nid = "b"\n', 3, 'for several keys, use [[keys]]'],
    ['[hosts."example.com"\n', 1, 'a bracket or a quote is missing'],
    ['[hosts."example.com]\n', 1, 'a bracket or a quote is missing'],
    ['[log] target = "stderr"\n', 1, 'put the setting on the line after [table]'],
    ['[hosts.bücher.example]\n', 1, 'needs quotes: [hosts."example.com"]'],
    ['users = "any"\ranswer_within = 3\r', 1, 'lines end with a carriage return only'],
  ])('gets a hint: %j', async (text, line, hint) => {
    const said = await problemsOf(`${SECRETS}${text}`);
    expect(said).toContain(`line ${line + 2}, column `);
    expect(said).toContain(hint);
  });

  it('is not one with a byte order mark and tabs', async () => {
    const text = `\ufeff\totp_seed\t=\t"${OTP_SEED}"\r\n\ttoken_secret = "${TOKEN_SECRET}"\r\n`;
    expect((await loadConfiguration(temporaryFile(text), {})).advice).toEqual([]);
  });
});

describe('a setting in the wrong place', () => {
  const top = 'write it at the top of the file, before the first [table]';
  it.each([
    [`[log]\n${SECRETS}`, `log.otp_seed: is in the wrong place (line 2): ${top}`],
    [`${SECRETS}[hosts."a.example"]\nanswer_within = 3\n`, `(line 4): ${top}`],
    [
      `${SECRETS}[metrics]\nlisten = "127.0.0.1:9"\nusers = "seen"\n`,
      `metrics.users: is in the wrong place (line 5): ${top}`,
    ],
    [`${SECRETS}[log.replay]\nstore = "memory"\n`, `log.replay: is in the wrong place (line 3): ${top}`],
    [
      `${SECRETS}[log]\nstore = "memory"\n`,
      'log.store: is in the wrong place (line 4): write it below [replay]',
    ],
    [
      `${SECRETS}not_after = 2027-01-01T00:00:00Z\n`,
      'not_after: is in the wrong place (line 3): write it below [[keys]]',
    ],
    [`${SECRETS}otpSeed = "x"\n`, 'otpSeed: there is no such setting (line 3). Did you mean otp_seed?'],
    [
      `${SECRETS}TOKEN-SECRET = "x"\n`,
      'TOKEN-SECRET: there is no such setting (line 3). Did you mean token_secret?',
    ],
    [`${SECRETS}[keys]\nid = "a"\n`, 'keys: expected [[keys]], with double brackets'],
  ])('gets a hint with the right place: %j', async (text, message) => {
    expect(await problemsOf(text)).toContain(message);
  });
});

describe('a host without quotes', () => {
  const write = (host: string): string => `write [hosts."${host}"]`;
  it.each([
    ['[hosts.example.com]\n', `hosts.example.com: a host needs quotes (line 3): ${write('example.com')}`],
    ['[hosts.chat.example.com]\nusers = "any"\n', write('chat.example.com')],
    ['[hosts]\nexample.com = {}\n', `(line 4): ${write('example.com')}`],
    ['[hosts.chat.one.test]\n[hosts.chat.two.test]\n', write('chat.one.test')],
    ['[example.com]\n', write('example.com')],
    ['["example.com"]\n', write('example.com')],
    ['[domains."example.com"]\n', write('example.com')],
    ['[host."example.com"]\n', 'Did you mean hosts?'],
  ])('gets a hint with quotes: %j', async (text, message) => {
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
    [`otpauth://totp/chat?secret=${OTP_SEED}`, 'use the value of its parameter "secret"'],
    ['00112233445566778899aabbccddeeff', 'The same key in base32 is the output of `xxd -r -p | base32`'],
    [OTP_SEED.replaceAll('O', '0').replaceAll('B', '8'), '0 may be O'],
  ])('gets a hint that keeps the key: %j', async (seed, message) => {
    const said = await problemsOf(`otp_seed = ${JSON.stringify(seed)}\ntoken_secret = "${TOKEN_SECRET}"\n`);
    expect(said).toContain(message);
    expect(said).not.toContain('keygen');
    expect(said).not.toContain(OTP_SEED.slice(0, 8));
  });

  it.each([
    ['jbsw y3dp', 'expected at least 16 base32 characters, found 8. Generate one with "xtokend keygen"'],
    ['jbsw y3dp ehpk 3pxp a', 'expected another length: base32 never has 17 characters'],
    ['correct horse battery stäple', 'the digits 2–7 only. Generate one with "xtokend keygen"'],
  ])('gets the advice to generate one if it cannot be used: %j', async (seed, message) => {
    expect(await problemsOf(`otp_seed = "${seed}"\ntoken_secret = "${TOKEN_SECRET}"\n`)).toContain(message);
  });

  it('is accepted with padding', async () => {
    const text = `otp_seed = "${OTP_SEED}${OTP_SEED.slice(0, 2)}======"\ntoken_secret = "${TOKEN_SECRET}"\n`;
    expect((await loadConfiguration(temporaryFile(text), {})).advice).toEqual([]);
  });
});
