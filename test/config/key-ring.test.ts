import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../src/config/configuration.js';
import { ConfigurationError } from '../../src/config/errors.js';
import { loadConfiguration } from '../../src/config/load.js';
import { temporaryFile } from '../support/directory.js';
import { OTHER_SECRET, OTHER_SEED, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';

const OTHER = `otp_seed = "${OTHER_SEED}"\ntoken_secret = "${OTHER_SECRET}"\n`;
const keyNamed = (id: string, secrets = OTHER, more = ''): string =>
  `[[keys]]\nid = "${id}"\n${secrets}${more}`;

const load = (text: string): Promise<Configuration> => loadConfiguration(temporaryFile(text), {});
const idsOf = async (text: string, host: string): Promise<string[] | undefined> =>
  (await load(text)).hosts.of(host)?.keys.map(({ id }) => id);

async function problemsOf(text: string): Promise<string[]> {
  const error: unknown = await load(text).catch((thrown: unknown) => thrown);
  if (!(error instanceof ConfigurationError))
    throw new Error('expected a ConfigurationError', { cause: error });
  return error.problems.map(({ where, message }) => `${where}: ${message}`);
}

describe('the keys of a host', () => {
  it.each<[string, string, string, string[] | undefined]>([
    ['those at the top', SECRETS, 'a.example', ['default']],
    ['and those that name no host', SECRETS + keyNamed('new'), 'a.example', ['default', 'new']],
    ['only those that name no host', keyNamed('new'), 'a.example', ['new']],
    [
      'those that name it',
      SECRETS + keyNamed('new', OTHER, 'hosts = ["A.example"]\n'),
      'a.example',
      ['default', 'new'],
    ],
    [
      'not those that name another',
      SECRETS + keyNamed('new', OTHER, 'hosts = ["a.example"]\n'),
      'b.example',
      ['default'],
    ],
    [
      'none if every key names another host',
      keyNamed('new', OTHER, 'hosts = ["a.example"]\n'),
      'b.example',
      undefined,
    ],
    [
      'those that name no host if others name one',
      keyNamed('old', SECRETS) + keyNamed('new', OTHER, 'hosts = ["a.example"]\n'),
      'b.example',
      ['old'],
    ],
    ['its own', `${SECRETS}[hosts."a.example"]\n${OTHER}`, 'a.example', ['a.example']],
    [
      'its own, and of [[keys]] only those that name it',
      `${keyNamed('new')}[hosts."a.example"]\n${SECRETS}[hosts."b.example"]\n`,
      'a.example',
      ['a.example'],
    ],
    [
      'none of its own',
      `${keyNamed('new')}[hosts."a.example"]\n${SECRETS}[hosts."b.example"]\n`,
      'b.example',
      ['new'],
    ],
  ])('are %s', async (_, text, host, ids) => {
    expect(await idsOf(text, host)).toEqual(ids);
  });

  it('are active from not_before until not_after, in ISO 8601 or as a date of TOML', async () => {
    const period = 'not_before = "2026-12-01T00:00:00+01:00"\nnot_after = 2027-01-01T00:00:00Z\n';
    const [key] = (await load(keyNamed('new', OTHER, period))).hosts.keys;
    expect(key).toMatchObject({
      notBefore: Date.parse('2026-11-30T23:00:00Z'),
      notAfter: Date.parse('2027-01-01T00:00:00Z'),
    });
  });

  it('can end in 1970', async () => {
    const [key] = (await load(keyNamed('old', OTHER, 'not_after = 1970-01-01T00:00:00Z\n'))).hosts.keys;
    expect(key?.notAfter).toBe(0);
  });

  it.each<[string, string, RegExp]>([
    ['an id twice', keyNamed('a', SECRETS) + keyNamed('a'), /^keys\.1\.id: "a" is already used/],
    [
      'the id of the key at the top',
      SECRETS + keyNamed('default'),
      /^keys\.0\.id: "default" is already used/,
    ],
    [
      'the id of the key of a host',
      `${keyNamed('a.example')}[hosts."a.example"]\n${SECRETS}[hosts."b.example"]\n`,
      /^keys: two keys have the id "a\.example"/,
    ],
    [
      'a host whose name is the id of the key at the top',
      `${SECRETS}[hosts."default"]\n${OTHER}[hosts."b.example"]\n`,
      /^keys: two keys have the id "default"/,
    ],
    ['an id that could be a secret', keyNamed(OTHER_SECRET), /^keys\.0\.id: expected 1 to 15 letters/],
    [
      'a missing secret',
      `[[keys]]\nid = "a"\notp_seed = "${OTP_SEED}"\n`,
      /^keys\.0\.token_secret: is missing/,
    ],
    [
      'a seed that two keys share',
      SECRETS + keyNamed('a', `otp_seed = "${OTP_SEED}"\ntoken_secret = "${OTHER_SECRET}"\n`),
      /^keys: the keys "default" and "a" share a secret/,
    ],
    [
      'a secret that two keys share',
      SECRETS + keyNamed('a', `otp_seed = "${OTHER_SEED}"\ntoken_secret = "${TOKEN_SECRET}"\n`),
      /^keys: the keys "default" and "a" share a secret/,
    ],
    [
      'an instant without an offset',
      keyNamed('a', OTHER, 'not_after = "2026-12-01T00:00:00"\n'),
      /^keys\.0\.not_after: expected a date, a time and an offset/,
    ],
    ...['12:00Z', '12:00-0800', '2026-1230'].map((text): [string, string, RegExp] => [
      `${text}, which is not a date and time`,
      keyNamed('a', OTHER, `not_after = "${text}"\n`),
      /^keys\.0\.not_after: expected a date, a time and an offset/,
    ]),
    [
      'a local date of TOML',
      keyNamed('a', OTHER, 'not_after = 2026-12-01\n'),
      /^keys\.0\.not_after: expected a date, a time and an offset/,
    ],
    [
      'a number as a time',
      keyNamed('a', OTHER, 'not_after = 5\n'),
      /^keys\.0\.not_after: expected a date and a time/,
    ],
    [
      'an end before the beginning',
      keyNamed('a', OTHER, 'not_before = 2026-12-02T00:00:00Z\nnot_after = 2026-12-01T00:00:00Z\n'),
      /^keys\.0\.not_after: expected a later time/,
    ],
    ['no host', keyNamed('a', OTHER, 'hosts = []\n'), /^keys\.0\.hosts: lists no host/],
    ['an invalid host', keyNamed('a', OTHER, 'hosts = ["a b"]\n'), /^keys\.0\.hosts: expected domains/],
    [
      'a host that is not served',
      `${SECRETS}${keyNamed('a', OTHER, 'hosts = ["b.example"]\n')}[hosts."a.example"]\n`,
      /^keys: b\.example is not served/,
    ],
    [
      'a typing error',
      keyNamed('a', OTHER, 'notafter = "x"\n'),
      /^keys\.0\.notafter: there is no such setting \(line 5\)\. Did you mean not_after\?/,
    ],
    [
      'an unknown kind of users',
      `users = "some"\n${SECRETS}`,
      /^users: expected "any", "seen", "passwords" or "file:/,
    ],
    [
      'a restriction without a list',
      `restrict_auth = true\n${SECRETS}`,
      /^restrict_auth: needs users = "file:\/path\/of\/a\/list", found "any"/,
    ],
    [
      'blocked users without a file',
      `${SECRETS}[hosts.a]\nblocked_users = "x"\n`,
      /^hosts\.a\.blocked_users: expected "file:/,
    ],
    ['an invalid address', `${SECRETS}[metrics]\nlisten = "9477"\n`, /^metrics\.listen: expected HOST:PORT/],
    [
      'a name for metrics with a port',
      `${SECRETS}[metrics]\nlisten = "0.0.0.0:9477"\nhosts = ["metrics.internal:9477"]\n`,
      /^metrics\.hosts: expected names without a port/,
    ],
  ])('are refused for %s, and no secret is repeated', async (_, text, message) => {
    const problems = await problemsOf(text);
    expect(problems).toEqual([expect.stringMatching(message)]);
    for (const secret of [OTP_SEED, TOKEN_SECRET, OTHER_SEED, OTHER_SECRET])
      expect(problems.join()).not.toContain(secret);
  });
});
