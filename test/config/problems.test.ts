import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/config/errors.js';
import { loadConfiguration } from '../../src/config/load.js';
import { temporaryFile } from '../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';

async function problemsOf(text: string): Promise<string[]> {
  const error: unknown = await loadConfiguration(temporaryFile(text), {}).catch((thrown: unknown) => thrown);
  if (!(error instanceof ConfigurationError))
    throw new Error('expected a ConfigurationError', { cause: error });
  return error.problems.map(({ where, message }) => `${where}: ${message}`);
}

const missing = 'is missing, and so is';
const paste = 'Paste the output of "xtokend keygen"';
const fix = 'Generate one with "xtokend keygen"';

describe('a problem of a configuration', () => {
  it.each([
    [
      '',
      `otp_seed: ${missing} otp_seed_file. ${paste}`,
      `token_secret: ${missing} token_secret_file. ${paste}`,
    ],
    [`otp_sed = "x"\n${SECRETS}`, 'otp_sed: there is no such setting (line 1). Did you mean otp_seed?'],
    [
      `colour = 1\n${SECRETS}`,
      'colour: there is no such setting (line 1). Known settings: otp_seed, otp_seed_file, token_secret, token_secret_file, users, restrict_auth, blocked_users, passwords, hosts, keys, replay, answer_within, log, metrics',
    ],
    [
      `${SECRETS}[replay]\nstroe = "memory"\n`,
      'replay.stroe: there is no such setting (line 4). Did you mean store?',
    ],
    [
      `${SECRETS}[hosts."a.example"]\nseed = "x"\n`,
      'hosts."a.example".seed: there is no such setting (line 4). Did you mean otp_seed?',
    ],
    [`${SECRETS}[replay]\nstore = "disk"\n`, 'replay.store: expected "memory" or "journal" or "redis"'],
    [
      `${SECRETS}[log]\ntarget = "nowhere"\n`,
      'log.target: expected "stderr", "syslog", "journal" or "file:/path/of/the/log"',
    ],
    [`answer_within = 0\n${SECRETS}`, 'answer_within: expected at least 1'],
    [`answer_within = 61\n${SECRETS}`, 'answer_within: expected at most 60'],
    [`answer_within = "4s"\n${SECRETS}`, 'answer_within: expected a number'],
    [`${SECRETS}log = "stderr"\n`, 'log: expected a table: [log] on its own line, and its settings below'],
    [
      `${SECRETS}hosts = ["a.example"]\n`,
      'hosts: expected a table: [hosts."example.com"] on its own line, and its settings below',
    ],
    [`otp_seed = 12345\ntoken_secret = "${TOKEN_SECRET}"\n`, 'otp_seed: expected a text in quotes'],
    [
      `otp_seed = "SHORT"\ntoken_secret = "tiny"\n`,
      `otp_seed: expected at least 16 base32 characters, found 5. ${fix}`,
      `token_secret: expected at least 16 characters, found 4. ${fix}`,
    ],
    [
      `otp_seed = "${OTP_SEED}"\notp_seed_file = "/x"\ntoken_secret = "${TOKEN_SECRET}"`,
      'otp_seed: expected either otp_seed or otp_seed_file, found both',
    ],
    [
      `otp_seed_file = "/no/such"\ntoken_secret = "${TOKEN_SECRET}"`,
      'otp_seed_file: the file that it names: there is no such file',
    ],
    [
      `[hosts."a.example"]\notp_seed = "${OTP_SEED}"\n`,
      `hosts."a.example".token_secret: ${missing} token_secret_file. ${paste}`,
    ],
    [`${SECRETS}[hosts."a.example"]\n[hosts."A.example"]\n`, 'hosts."A.example": a.example is listed twice'],
    [
      `${SECRETS}[hosts."strasse.example"]\n[hosts."straße.example"]\n`,
      'hosts."straße.example": strasse.example is listed twice',
    ],
    [
      `${SECRETS}[hosts."ａ.example"]\n[hosts."a\u00ad.example."]\n`,
      'hosts."a\u00ad.example.": a.example is listed twice',
    ],
    ...['ᵃ.example', 'a。example', 'a\u{1f600}.example'].map((host): [string, string] => [
      `${SECRETS}[hosts."${host}"]\n`,
      `hosts."${host}": expected a domain such as example.com`,
    ]),
    [`${SECRETS}[hosts."a example"]\n`, 'hosts."a example": expected a domain such as example.com'],
    [`${SECRETS}[hosts]\n`, 'hosts: lists no host, so nobody could log in. Add a host, or remove the table'],
    [`${SECRETS}[hosts."__proto__"]\n`, 'hosts.__proto__: expected a domain such as example.com'],
    [`__proto__ = 1\n${SECRETS}`, expect.stringContaining('__proto__: there is no such setting')],
    ['otp_seed = \n', 'line 1, column 12: not TOML: invalid value; the value is missing: name = "value"'],
  ])('has its setting and its fix: %j', async (text, ...problems) => {
    expect(await problemsOf(text)).toEqual(problems);
  });
});

describe('a secret', () => {
  const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PX1';
  const spellings = [
    secret,
    secret.toLowerCase(),
    `${secret.slice(0, 16)}/+aB=`,
    'correct horse battery staple',
  ];
  const places: [string, (secret: string) => string][] = [
    ['a seed that is not base32', (s) => `otp_seed = "${s}"\ntoken_secret = "${TOKEN_SECRET}"`],
    ['the name of a file', (s) => `otp_seed_file = "${s}"\ntoken_secret_file = "${s}"`],
    ['a relative path', (s) => `otp_seed_file = "./${s}"\ntoken_secret_file = "x/${s}"`],
    ['an absolute path', (s) => `otp_seed_file = "/${s}/b64=="\ntoken_secret_file = "${s.repeat(20)}"`],
    ['a path through a file', (s) => `otp_seed_file = "/etc/passwd/${s}"\ntoken_secret_file = "${s}\\u0000"`],
    ['a list', (s) => `otp_seed = ["${s}"]\ntoken_secret = { value = "${s}" }`],
    ['a misspelt setting', (s) => `otp_sed = "${s}"\ntoken-secret = "${s}"`],
    ['the name of a setting', (s) => `"${s}" = "otp_seed"\n"${s}x" = 1`],
    ['a store', (s) => `${SECRETS}[replay]\nstore = "${s}"`],
    ['a log target', (s) => `${SECRETS}[log]\ntarget = "${s}"`],
    ['a line without quotes', (s) => `otp_seed = ${s}\n`],
    ['a line without its end', (s) => `otp_seed = "${s}\ntoken_secret = "${s}"`],
    ['a line beside a broken one', (s) => `otp_seed = "${s}"\ntoken_secret =\nx = "${s}"`],
    ['a line of its own', (s) => `${s}\n`],
    ['a line of YAML', (s) => `otp_seed: ${s}\ntoken_secret: "${s}"`],
    ['a line of Lua', (s) => `otp_seed = "${s}"; -- ${s}\n`],
    ['a line in typographic quotes', (s) => `otp_seed = “${s}”\n`],
    ['a host without quotes', (s) => `${SECRETS}["${s}".com]\n`],
    ['a setting below another table', (s) => `[log]\notp_seed = "${s}"\n"${s}" = "${s}"\n`],
    ['an otpauth: URI', (s) => `otp_seed = "otpauth://totp/x?secret=${s}"\n`],
    ['a setting under a host', (s) => `[hosts."a.example"]\notp_seed = "${s}"\n"${s}" = 1`],
  ];

  it.each(places)('is not repeated if it is %s', async (_, document) => {
    for (const spelling of spellings) {
      const said = (await problemsOf(document(spelling))).join('\n');
      expect(said).not.toBe('');
      expect(said).not.toContain(spelling);
      expect(said).not.toContain(spelling.slice(0, 10));
    }
  });
});
