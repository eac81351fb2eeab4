import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/config/errors.js';
import { loadConfiguration } from '../../src/config/load.js';
import type { ReplaySettings } from '../../src/replay/registry.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';

const load = async (replay: string, env: NodeJS.ProcessEnv = {}): Promise<ReplaySettings> =>
  (await loadConfiguration(temporaryFile(`${SECRETS}[replay]\n${replay}\n`), env)).replay;

async function problemsOf(replay: string): Promise<string[]> {
  const error: unknown = await load(replay).catch((thrown: unknown) => thrown);
  if (!(error instanceof ConfigurationError))
    throw new Error('expected a ConfigurationError', { cause: error });
  return error.problems.map(({ where, message }) => `${where}: ${message}`);
}

const local = { host: '127.0.0.1', port: 6379, tls: false, path: undefined };
const accept = { afterRestart: 'accept' };

describe('[replay]', () => {
  it('defaults to the first state directory, with the memory as fallback', async () => {
    expect(await load('')).toEqual({ kind: 'journal', path: '/var/lib/xtokend', otherwise: accept });
    const env = { STATE_DIRECTORY: '/var/lib/one:/var/lib/two' };
    expect(await load('', env)).toEqual({ kind: 'journal', path: '/var/lib/one', otherwise: accept });
  });

  it('has no fallback for a directory that is named', async () => {
    const env = { STATE_DIRECTORY: '/var/lib/one' };
    expect(await load('path = "/srv/x"', env)).toEqual({ kind: 'journal', path: '/srv/x' });
    expect(await load('store = "journal"', env)).toEqual({ kind: 'journal', path: '/var/lib/one' });
    expect(await load('store = "memory"', env)).toEqual({ kind: 'memory', ...accept });
  });

  it.each([
    ['redis://127.0.0.1', local],
    ['redis://redis.example:7000/0', { ...local, host: 'redis.example', port: 7000 }],
    ['rediss://[::1]:6380', { ...local, host: '::1', port: 6380, tls: true }],
    ['unix:/run/redis/redis.sock', { ...local, host: '', port: 0, path: '/run/redis/redis.sock' }],
  ])('parses the address %s', async (url, address) => {
    expect(await load(`store = "redis"\nurl = "${url}"`)).toMatchObject({ addresses: [address] });
  });

  it('reads the password and the certificate authority of Redis from files', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'password'), 'hunter2\n');
    writeFileSync(join(directory, 'ca'), 'PEM');
    const files = `password_file = "${directory}/password"\nca_file = "${directory}/ca"`;
    const config = temporaryFile(`${SECRETS}[replay]\nstore = "redis"\nusername = "chat"\n${files}\n`);
    const { replay, secretFiles } = await loadConfiguration(config, {});
    expect(replay).toMatchObject({ addresses: [local], username: 'chat', password: 'hunter2', ca: 'PEM' });
    expect(secretFiles).toEqual([config, `${directory}/password`]);
  });

  it.each([
    ['path = "relative"', 'replay.path: expected an absolute path'],
    ['store = "memory"\npath = "/x"', 'replay.path: is for store = "journal" only'],
    ['url = "redis://x"', 'replay.url: is for store = "redis" only'],
    ['store = "redis"\nafter_restart = "refuse"', 'replay.after_restart: is for store = "memory" only'],
    ['after_restart = 1', 'replay.after_restart: expected "accept" or "refuse"'],
    ['cluster = "yes"', 'replay.cluster: expected true or false'],
    ['url = 1', 'replay.url: expected a text in quotes, or several in brackets'],
    ['store = "redis"\nurl = []', 'replay.url: expected an address such as redis://127.0.0.1:6379'],
    [
      'store = "redis"\nprefix = "{x}"',
      'replay.prefix: expected no braces: in a cluster they select the node of a key',
    ],
    [
      'store = "redis"\nurl = ["redis://a", "redis://b"]',
      'replay.url: several are for cluster = true, or for the Sentinels of sentinel_master',
    ],
    [
      'store = "redis"\nurl = "unix:/x"\ncluster = true',
      'replay.url: expected redis:// or rediss://: clusters and Sentinels have no Unix sockets',
    ],
    [
      'store = "redis"\ncluster = true\nsentinel_master = "x"',
      'replay.cluster: expected either cluster or sentinel_master, found both',
    ],
    [
      'store = "redis"\nurl = "redis://chat:hunter2@x"',
      'replay.url: expected no user and password: set username and password_file instead',
    ],
    [
      'store = "redis"\nurl = "redis://x/3"',
      'replay.url: expected no database but 0: set replay.prefix to separate replay caches',
    ],
    [
      'store = "redis"\npassword_file = "/no"',
      'replay.password_file: the file that it names: there is no such file',
    ],
    [
      'store = "redis"\nca_file = "/dev/null"',
      'replay.ca_file: the file that it names: expected a regular file',
    ],
  ])('reports the problem in %j', async (replay, problem) => {
    expect(await problemsOf(replay)).toEqual([problem]);
  });

  it.each([
    'http://x',
    'x',
    'redis://',
    'redis://x/db',
    'redis://x?y=z',
    'redis:x',
    'unix:relative',
    'redis://x:hunter2',
  ])('rejects the address %j, and does not quote it', async (url) => {
    const [problem, ...others] = await problemsOf(`store = "redis"\nurl = "${url}"`);
    expect(problem).toBe('replay.url: expected redis://HOST[:PORT], rediss://… (TLS) or unix:/PATH');
    expect(others).toEqual([]);
  });
});
