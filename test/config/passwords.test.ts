import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../src/config/configuration.js';
import { ConfigurationError } from '../../src/config/errors.js';
import { loadConfiguration } from '../../src/config/load.js';
import { withoutSecrets } from '../../src/system/known-secrets.js';
import { temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';

const TOKEN = 'bearer-token-0123456789';

/** Loads a configuration with the file `token` next to it. */
async function load(settings: string, token = `${TOKEN}\n`): Promise<Configuration> {
  const file = temporaryFile(`${SECRETS}${settings}`);
  writeFileSync(join(dirname(file), 'token'), token);
  return loadConfiguration(file, {});
}

async function problemsOf(settings: string, token?: string): Promise<string[]> {
  const error: unknown = await load(settings, token).catch((thrown: unknown) => thrown);
  if (!(error instanceof ConfigurationError)) throw new Error('expected problems', { cause: error });
  return error.problems.map(({ where, message }) => `${where}: ${message}`);
}

const STORE = 'store = "file:app-passwords"\n';
const COMMAND = 'command = ["/usr/local/bin/check", "--flag"]\n';
const HTTP = 'url = "https://app.example/auth"\ntoken_file = "token"\n';

describe('[passwords]', () => {
  it('is off by default', async () => {
    const { hosts } = await load('');
    expect(hosts.of('example.com')?.passwords).toBeUndefined();
  });

  it('has defaults for everything but the back ends', async () => {
    const { hosts, file, files, secretFiles } = await load(`[passwords]\n${HTTP}${COMMAND}${STORE}`);
    const path = join(dirname(file), 'app-passwords');
    expect(hosts.of('example.com')?.passwords).toEqual({
      backends: [
        { kind: 'app-passwords', path },
        { kind: 'command', command: ['/usr/local/bin/check', '--flag'], protocol: 'generic', processes: 2 },
        { kind: 'http', url: 'https://app.example/auth', token: TOKEN, ca: undefined },
      ],
      timeout: 3000,
      limits: { window: 600_000, userFromAddress: 10, address: 100, user: 50 },
    });
    expect(files).toContain(path);
    expect(secretFiles).toContain(join(dirname(file), 'token'));
    expect(withoutSecrets(`sent ${TOKEN}`)).toBe('sent [secret]');
  });

  it('applies every setting', async () => {
    const { hosts } = await load(
      `answer_within = 6\n[passwords]\n${STORE}${COMMAND}protocol = "ejabberd"\nprocesses = 5\norder = ["command", "store"]\ntimeout = 5.5\n[passwords.limits]\nwindow = 60\nuser_from_address = 1\naddress = 2\nuser = 3\n`,
    );
    expect(hosts.of('example.com')?.passwords).toMatchObject({
      backends: [{ kind: 'command', protocol: 'ejabberd', processes: 5 }, { kind: 'app-passwords' }],
      timeout: 5500,
      limits: { window: 60_000, userFromAddress: 1, address: 2, user: 3 },
    });
  });

  it('has a timeout below the reply deadline, whatever that is', async () => {
    const { hosts } = await load(`answer_within = 2\n[passwords]\n${STORE}`);
    expect(hosts.of('example.com')?.passwords?.timeout).toBe(1500);
  });

  it('belongs to a host, or to all hosts without a table of their own', async () => {
    const { hosts } = await load(
      `[passwords]\n${STORE}[hosts."a.example"]\n[hosts."b.example"]\n[hosts."c.example".passwords]\n[hosts."d.example".passwords]\n${COMMAND}`,
    );
    const passwordsOf = (host: string): unknown => hosts.of(host)?.passwords;
    expect(passwordsOf('a.example')).toMatchObject({ backends: [{ kind: 'app-passwords' }] });
    // They share the back ends.
    expect(passwordsOf('b.example')).toBe(passwordsOf('a.example'));
    expect(passwordsOf('c.example')).toBeUndefined();
    expect(passwordsOf('d.example')).toMatchObject({ backends: [{ kind: 'command' }] });
  });

  it.each([
    ['[passwords]\n', 'passwords.store: expected at least one of store, command and url'],
    ['[passwords]\ntimeout = 2\n', 'passwords.store: expected at least one of store, command and url'],
    [
      '[hosts."a.example".passwords]\ntimeout = 2\n',
      'hosts."a.example".passwords.store: expected at least one of store, command and url',
    ],
    [
      '[passwords]\nstore = "app"\n',
      'passwords.store: expected "file:" and a path, such as "file:/etc/xtokend/app-passwords"',
    ],
    [
      '[passwords]\ncommand = "/bin/check"\n',
      'passwords.command: expected a list in brackets, such as ["/usr/local/bin/check", "--flag"]',
    ],
    [
      '[passwords]\ncommand = ["check"]\n',
      'passwords.command: expected the absolute path of a program, and its arguments: ["/usr/local/bin/check"]',
    ],
    [
      '[passwords]\ncommand = []\n',
      'passwords.command: expected the absolute path of a program, and its arguments: ["/usr/local/bin/check"]',
    ],
    [`[passwords]\n${COMMAND}protocol = "native"\n`, 'passwords.protocol: expected "generic" or "ejabberd"'],
    [`[passwords]\n${COMMAND}processes = 0\n`, 'passwords.processes: expected at least 1'],
    [`[passwords]\n${COMMAND}processes = 1.5\n`, 'passwords.processes: expected a whole number'],
    [
      `[passwords]\n${STORE}processes = 3\n`,
      'passwords.processes: has no effect without command. Remove it, or set command',
    ],
    [
      `[passwords]\n${STORE}ca_file = "ca.pem"\n`,
      'passwords.ca_file: has no effect without url. Remove it, or set url',
    ],
    [
      '[passwords]\nurl = "https://app.example/"\n',
      'passwords.token_file: expected the path of a file that contains a bearer token of at least 16 characters, so that nobody else can try passwords there',
    ],
    [
      '[passwords]\nurl = "http://app.example/"\ntoken_file = "token"\n',
      'passwords.url: expected https://, as http:// is allowed for 127.0.0.1, [::1] and localhost only',
    ],
    [
      `[passwords]\n${STORE}${COMMAND}order = ["store"]\n`,
      'passwords.order: expected each back end of this table once, in any order: "store", "command"',
    ],
    [
      `[passwords]\n${STORE}${COMMAND}order = ["store", "store"]\n`,
      'passwords.order: expected each back end of this table once, in any order: "store", "command"',
    ],
    [
      `[passwords]\n${STORE}order = ["url"]\n`,
      'passwords.order: expected each back end of this table once, in any order: "store"',
    ],
    ['[passwords]\norder = ["url"]\n', 'passwords.store: expected at least one of store, command and url'],
    [
      '[passwords]\nurl = "127.0.0.1:8080/"\ntoken_file = "token"\n',
      'passwords.url: expected a URL that starts with https://, or with http:// for 127.0.0.1, [::1] or localhost',
    ],
    [
      `[passwords]\n${HTTP}token = "secret"\n`,
      'passwords.token: there is no such setting (line 6). Did you mean token_file?',
    ],
    [
      `[passwords]\n${STORE}timeout = 4\n`,
      'passwords.timeout: expected less than answer_within, which is 4. Lower it, or raise answer_within',
    ],
    [`[passwords]\n${STORE}[passwords.limits]\nwindow = 0\n`, 'passwords.limits.window: expected at least 1'],
    [
      `[passwords]\n${STORE}[passwords.limits]\nuser_from_adress = 3\n`,
      'passwords.limits.user_from_adress: there is no such setting (line 6). Did you mean user_from_address?',
    ],
    [
      'passwords = "file:x"\n',
      'passwords: expected a table: [passwords] on its own line, and its settings below',
    ],
    [
      '[hosts."a.example"]\npasswords = true\n',
      'hosts."a.example".passwords: expected a table: [hosts."a.example".passwords] on its own line, and its settings below',
    ],
    [
      `[hosts."a.example".passwords]\nstroe = "file:x"\n`,
      'hosts."a.example".passwords.stroe: there is no such setting (line 4). Did you mean store?',
    ],
    [
      `[passwords]\n${HTTP}ca_file = "token"\n`,
      'passwords.ca_file: expected certificates in PEM in the file: -----BEGIN CERTIFICATE-----',
    ],
    ['users = "passwords"\n', 'users: "passwords" needs a table [passwords] with at least one back end'],
  ])('has a problem with its fix: %j', async (settings, problem) => {
    expect(await problemsOf(settings)).toEqual([problem]);
  });

  it('explains how to create a bearer token that is missing', async () => {
    const [problem] = await problemsOf('[passwords]\nurl = "https://app.example/"\ntoken_file = "none"\n');
    expect(problem).toMatch(
      /^passwords\.token_file: .*: there is no such file\. To create one: head -c 32 \/dev\/urandom \| base64$/,
    );
  });

  it.each(['', 'short', 'white space in between', `two\n${TOKEN}`])(
    'needs a usable bearer token, and does not repeat it: %j',
    async (token) => {
      const problems = await problemsOf(`[passwords]\n${HTTP}`, token);
      expect(problems).toEqual([expect.stringMatching(/^passwords\.token_file: /)]);
      if (token !== '') expect(problems.join()).not.toContain(token);
    },
  );
});
