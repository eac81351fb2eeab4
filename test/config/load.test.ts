import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../src/config/configuration.js';
import { loadConfiguration } from '../../src/config/load.js';
import { checkCredential } from '../../src/credential/check.js';
import { mintWithKey } from '../../src/credential/mint.js';
import { createKey, type CredentialKey } from '../../src/credential/key.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { key, NOW, OTHER_SECRET, OTHER_SEED, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';

const otherKey = createKey({ otpSeed: OTHER_SEED, tokenSecret: OTHER_SECRET });

const load = (text: string, env: NodeJS.ProcessEnv = {}): Promise<Configuration> =>
  loadConfiguration(temporaryFile(text), env);

/** Returns whether a host of a configuration accepts the tokens of a key. */
function accepts({ hosts }: Configuration, host: string, maker: CredentialKey): boolean {
  const own = hosts.of(host)?.keys;
  const jid = `alice@${host}`;
  return own !== undefined && checkCredential(own, mintWithKey(maker, jid, NOW), jid, NOW).accepted;
}

describe('loadConfiguration', () => {
  it('serves every host with the secrets at the top', async () => {
    const configuration = await load(SECRETS);
    expect(configuration.hosts.names).toBeUndefined();
    expect(accepts(configuration, 'any.example', key)).toBe(true);
    expect(configuration.log.target).toEqual({ kind: 'stderr' });
  });

  it('serves only the listed hosts, each with its own secrets or those at the top', async () => {
    const configuration = await load(
      `${SECRETS}[hosts."Example.COM"]\n[hosts."other.example"]\notp_seed = "${OTHER_SEED}"\ntoken_secret = "${OTHER_SECRET}"\n`,
    );
    expect(configuration.hosts.names).toEqual(['example.com', 'other.example']);
    expect(accepts(configuration, 'example.com', key)).toBe(true);
    expect(accepts(configuration, 'other.example', otherKey)).toBe(true);
    expect(accepts(configuration, 'other.example', key)).toBe(false);
    expect(configuration.hosts.of('elsewhere.example')).toBeUndefined();
    expect(configuration.hosts.of('constructor')).toBeUndefined();
  });

  it('lets a host override one secret of the two', async () => {
    const configuration = await load(`${SECRETS}[hosts.localhost]\ntoken_secret = "${OTHER_SECRET}"\n`);
    const mixed = createKey({ otpSeed: OTP_SEED, tokenSecret: OTHER_SECRET });
    expect(accepts(configuration, 'localhost', mixed)).toBe(true);
  });

  it('normalizes an internationalized host', async () => {
    const configuration = await load(`${SECRETS}[hosts."BÜCHER.example"]\n[hosts."Straße.example"]\n`);
    expect(configuration.hosts.names).toEqual(['bücher.example', 'strasse.example']);
  });

  it('reads secrets from files beside the configuration, without one newline at their end', async () => {
    const file = temporaryFile('otp_seed_file = "seed"\ntoken_secret_file = "keys/secret"\n');
    const directory = join(file, '..');
    mkdirSync(join(directory, 'keys'));
    writeFileSync(join(directory, 'seed'), `${OTP_SEED}\n`);
    writeFileSync(join(directory, 'keys/secret'), `${TOKEN_SECRET}\n\n`);
    const configuration = await loadConfiguration(file, {});
    const withNewline = createKey({ otpSeed: OTP_SEED, tokenSecret: `${TOKEN_SECRET}\n` });
    expect(accepts(configuration, 'example.com', withNewline)).toBe(true);
    expect(configuration.secretFiles).toEqual([join(directory, 'seed'), join(directory, 'keys/secret')]);
  });

  it('looks up bare names in $CREDENTIALS_DIRECTORY', async () => {
    const credentials = temporaryDirectory();
    writeFileSync(join(credentials, 'seed'), OTP_SEED);
    writeFileSync(join(credentials, 'secret'), TOKEN_SECRET);
    const env = { CREDENTIALS_DIRECTORY: credentials };
    const configuration = await load('otp_seed_file = "seed"\ntoken_secret_file = "secret"\n', env);
    expect(accepts(configuration, 'example.com', key)).toBe(true);
  });

  it('returns the files with secrets, and advice on short seeds', async () => {
    const file = temporaryFile(`otp_seed = "ABCDEFGHIJKLMNOP"\ntoken_secret = "${TOKEN_SECRET}"\n`);
    const configuration = await loadConfiguration(file, {});
    expect(configuration.secretFiles).toEqual([file]);
    expect(configuration.advice).toMatchObject([{ where: 'otp_seed' }]);
  });

  it('reads the reply deadline in seconds', async () => {
    expect((await load(SECRETS)).answerWithin).toBe(4000);
    expect((await load(`answer_within = 2.5\n${SECRETS}`)).answerWithin).toBe(2500);
  });

  it('reads a log target', async () => {
    const configuration = await load(
      `${SECRETS}[log]\ntarget = "file:/var/log/xtokend.log"\n[replay]\nstore = "memory"\n`,
    );
    expect(configuration.log.target).toEqual({ kind: 'file', path: '/var/log/xtokend.log' });
  });
});

describe('loadConfiguration without a readable file', () => {
  it('throws with the three sources of the path', async () => {
    const missing = join(temporaryDirectory(), 'none.toml');
    const env = { XTOKEND_CONFIG: '/also/none.toml' };
    await expect(loadConfiguration(missing, env)).rejects.toMatchObject({
      code: 'unreadable-configuration',
      message: `cannot read the configuration ${missing}: there is no such file
The path is the first of these:
  --config: ${missing}
  $XTOKEND_CONFIG: /also/none.toml
  the default: /etc/xtokend/xtokend.toml
To create one: xtokend init --config ${missing}`,
    });
    await expect(loadConfiguration(undefined, env)).rejects.toThrow('/also/none.toml: there is no such file');
    await expect(loadConfiguration(undefined, { XTOKEND_CONFIG: '' })).rejects.toThrow(
      '$XTOKEND_CONFIG: not set',
    );
  });

  it.each([
    ['a directory', () => temporaryDirectory(), 'expected a regular file'],
    ['a FIFO without a writer', () => fifo(), 'expected a regular file'],
    ['an endless device', () => '/dev/zero', 'expected a regular file'],
    ['bytes that are not UTF-8', () => latin1File(), 'expected UTF-8 text'],
    [
      'a file of 2 MiB',
      () => temporaryFile('#'.repeat(2 ** 21)),
      'expected at most 1048576 bytes, found 2097152',
    ],
  ])('refuses %s', async (_, path, message) => {
    await expect(loadConfiguration(path(), {})).rejects.toThrow(message);
  });
});

function fifo(): string {
  const path = join(temporaryDirectory(), 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

function latin1File(): string {
  const file = temporaryFile('');
  writeFileSync(file, Buffer.from([0x23, 0xfc, 0x0a]));
  return file;
}
