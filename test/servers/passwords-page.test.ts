import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Client } from '@xmpp/client';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { Daemon } from '../support/daemon/daemon.js';
import { temporaryDirectory } from '../support/directory.js';
import { replaced } from '../support/documents.js';
import { SECRETS } from '../support/keys.js';
import { hasProgram, requirePackage } from '../support/run/requirements.js';
import { isInstalled, Prosody, releases, type ProsodyRelease } from '../support/servers/prosody.js';
import { connect, leave, login, type LoginOptions, type LoginResult } from '../support/servers/xmpp-login.js';
import { OTHER_USER, passableDirectory, requireRoot, runAsOther } from '../support/system/other-user.js';
import { accepts, freePort } from '../support/system/ports.js';
import { end } from '../support/system/processes.js';
import { ACCEPTED, REFUSED, tokenOf } from './logins.js';

const PAGE = 'docs/passwords.md';
const WEB_PAGE = 'A page "connect your phone"';
const EXAMPLES = resolve('examples/passwords');
const ALICE = 'alice@example.com';
const PASSWORD = 'correct horse: "battery" staple';
const APP_PASSWORD = /^[a-z2-9]{4}(-[a-z2-9]{4}){4}\n$/;

/** Returns the only code of a section in a language; of the indented code, if it is `''`. */
function codeOf(section: string, language: string): string {
  const [, rest = ''] = readFileSync(PAGE, 'utf8').split(new RegExp(`^##+ ${section}\n`, 'm'));
  const [text = ''] = rest.split(/^##/m);
  const block = new RegExp(`^( *)\`\`\`${language}\n([^]*?)^\\1\`\`\``, 'gm');
  const fenced = [...text.matchAll(block)].map(([, indent = '', code = '']) =>
    code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
  const indented = [...text.matchAll(/(?:^ {4}.*\n)+/gm)].map(([code]) => code.replaceAll(/^ {4}/gm, ''));
  const codes = language === '' ? indented : fenced;
  if (codes.length === 0) throw new Error(`expected code in ${language} below ${section}`);
  return codes.join('\n');
}

/** Returns the commands of a section, as the arguments of xtokend. */
function commandsOf(section: string, language: string): string[][] {
  const commands = [...codeOf(section, language).matchAll(/^xtokend (.*)$/gm)];
  return commands.map(([, args = '']) => args.split(' '));
}

/** A chat server with an xtokend that has a table `[passwords]`. */
interface Machine {
  readonly daemon: Daemon;
  /** The directory of the configuration, to which its files are relative. */
  readonly directory: string;
  readonly options: (password: string) => LoginOptions;
  readonly logIn: (password: string) => Promise<LoginResult>;
}

async function start(context: TestContext, release: ProsodyRelease, passwords: string): Promise<Machine> {
  requirePackage(context, isInstalled(release), release.name);
  const state = join(temporaryDirectory(), 'state');
  const daemon = new Daemon(`${SECRETS}\n[replay]\npath = "${state}"\n${passwords}`);
  onTestFinished(() => daemon.remove());
  await daemon.start();
  const prosody = await Prosody.start({ release, socketPath: daemon.socketPath });
  onTestFinished(() => prosody.stop());
  const service = prosody.service('TCP');
  const options = (password: string): LoginOptions => ({
    ...{ service, domain: 'example.com', username: 'alice', password },
  });
  const logIn = (password: string): Promise<LoginResult> => login(options(password));
  return { daemon, directory: dirname(daemon.socketPath), options, logIn };
}

/** Expects that a back end knows one password of alice, and that tokens still work. */
async function expectPassword({ logIn }: Machine, password: string): Promise<void> {
  expect(await logIn(password)).toEqual(ACCEPTED);
  expect(await logIn(`${password}x`)).toEqual(REFUSED);
  expect(await logIn(tokenOf(ALICE))).toEqual(ACCEPTED);
}

/** Returns the table for app passwords, with another directory. */
function appPasswords(directory: string = temporaryDirectory()): string {
  return replaced(codeOf('App passwords', 'toml'), '/etc/xtokend', directory);
}

/** Runs the commands of a section, and returns what they print. */
async function follow({ daemon }: Machine, commands: readonly string[][]): Promise<string[]> {
  const printed: string[] = [];
  for (const [command = '', ...args] of commands) {
    const { status, stdout, stderr } = await daemon.run(command, ...args);
    expect(status, stderr).toBe(0);
    printed.push(stdout);
  }
  return printed;
}

/** Returns a function that tells whether the stream of a client has ended. */
async function opened(options: LoginOptions): Promise<() => boolean> {
  const client: Client = await connect(options);
  onTestFinished(() => leave(client));
  let hasEnded = false;
  client.on('error', () => undefined);
  client.on('disconnect', () => (hasEnded = true));
  return () => hasEnded;
}

/** Stores alice's password in the format of http_end.py and check-script. */
function addUser(path: string): void {
  const args = [join(EXAMPLES, 'http_end.py'), '--add', path, ALICE];
  expect(spawnSync('python3', args, { input: `${PASSWORD}\n` }).status).toBe(0);
}

/** Starts a program that listens on a port, and ends it with the test. */
async function serve(port: number, [program = '', ...args]: string[], env = {}): Promise<void> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
  onTestFinished(() => end(child));
  await expect.poll(() => accepts({ host: '127.0.0.1', port })).toBe(true);
}

/** Returns the code for a web page, with another directory, and the library in a directory. */
function webPage(directory: string, library: string): string {
  const code = replaced(codeOf(WEB_PAGE, 'js'), '/var/lib/app-passwords', directory);
  return replaced(code, `'xtokend'`, `'${pathToFileURL(join(library, 'index.js')).href}'`);
}

/** A program that checks passwords in ejabberd's protocol, for the users of check-script. */
const EJABBERD_SCRIPT = `#!/usr/bin/env python3
import subprocess, sys
while length := sys.stdin.buffer.read(2):
    request = sys.stdin.buffer.read(int.from_bytes(length, 'big'))
    answer = subprocess.run(["${EXAMPLES}/check-script", sys.argv[1]], input=request, capture_output=True).stdout
    sys.stdout.buffer.write(b"\\0\\2\\0" + (b"\\1" if answer == b"1\\n" else b"\\0"))
    sys.stdout.buffer.flush()
`;

describe.each(releases)('the page about passwords, with $name', (release) => {
  it('gives a phone a password, and takes it away', async (context) => {
    const machine = await start(context, release, appPasswords());
    const [create = [], list = [], remove = []] = commandsOf('App passwords', 'sh');
    const [printed = ''] = await follow(machine, [create]);
    expect(printed).toMatch(APP_PASSWORD);
    await expectPassword(machine, printed.trim());
    await expect
      .poll(() => machine.daemon.log)
      .toContain(`jid="${ALICE}" host="example.com" client="127.0.0.1"`);
    await expect.poll(() => machine.daemon.log).toContain('backend="app-passwords"');
    expect(await follow(machine, [list, remove])).toEqual([expect.stringContaining('phone'), '']);
    expect(await machine.logIn(printed.trim())).toEqual(REFUSED);
  });

  it('ends the sessions of a lost phone, but leaves the other passwords of the user', async (context) => {
    const machine = await start(context, release, appPasswords());
    const commands = commandsOf('If a phone is lost', '');
    expect(commands).toHaveLength(3);
    const [phone = '', desktop = ''] = await follow(
      machine,
      ['phone', 'desktop'].map((label) => ['passwd', ALICE, '--label', label]),
    );
    const hasEnded = await opened(machine.options(phone.trim()));
    await follow(machine, commands.slice(0, 2));
    await expect.poll(hasEnded).toBe(true);
    await follow(machine, commands.slice(2));
    await expect.poll(() => machine.logIn(desktop.trim())).toEqual(ACCEPTED);
    expect(await machine.logIn(phone.trim())).toEqual(REFUSED);
  });

  it('connects a phone with a web page', async (context) => {
    const directory = temporaryDirectory();
    const store = `[passwords]\nstore = "file:${directory}/app-passwords"\n`;
    const machine = await start(context, release, store);
    const input = webPage(directory, resolve('dist'));
    const run = spawnSync(process.execPath, ['--input-type=module'], { input, encoding: 'utf8' });
    expect(run).toMatchObject({ status: 0, stderr: '' });
    const [password = '', listed] = run.stdout.split('\n');
    expect(listed).toMatch(/^phone 20/);
    await expectPassword(machine, password);
  });
});

describe.each(releases.slice(0, 1))('the page about passwords, with $name', (release) => {
  it.for(['generic', 'ejabberd'])('asks a script in the protocol %s', async (protocol, context) => {
    requirePackage(context, hasProgram('python3'), 'python3');
    const directory = temporaryDirectory();
    const script = join(directory, 'script');
    if (protocol === 'generic') cpSync(join(EXAMPLES, 'check-script'), script);
    else writeFileSync(script, EJABBERD_SCRIPT);
    chmodSync(script, 0o755);
    addUser(join(directory, 'users.json'));
    const documented = codeOf('An existing script', 'toml').replace('"generic"', `"${protocol}"`);
    const withScript = replaced(documented, '/usr/local/bin/check-script', script);
    const passwords = replaced(withScript, '/etc/xtokend/users.json', join(directory, 'users.json'));
    const machine = await start(context, release, passwords);
    await expectPassword(machine, PASSWORD);
    await expect.poll(() => machine.daemon.log).toContain('backend="command"');
  });

  it.for([
    { program: 'python3', what: 'python3' },
    { program: 'php', what: 'php-cli' },
  ])('asks an application in $program', async ({ program, what }, context) => {
    requirePackage(context, hasProgram(program), what);
    const port = await freePort();
    const documented = codeOf('Your application', 'toml');
    const url = `http://127.0.0.1:${port}/xtokend/auth`;
    const directory = temporaryDirectory();
    const [token, users] = [join(directory, 'http-token'), join(directory, 'users.json')];
    const create = replaced(codeOf('Your application', ''), '/etc/xtokend/http-token', token);
    expect(spawnSync('sh', ['-ec', replaced(create, '-g xtokend', '')]).status).toBe(0);
    if (program === 'python3') {
      addUser(users);
      await serve(port, ['python3', join(EXAMPLES, 'http_end.py'), token, users, String(port)]);
    } else {
      const hash = 'echo json_encode([$argv[1] => password_hash($argv[2], PASSWORD_DEFAULT)]);';
      writeFileSync(users, spawnSync('php', ['-r', hash, ALICE, PASSWORD]).stdout);
      const command = ['php', '-S', `127.0.0.1:${port}`, join(EXAMPLES, 'http-end.php')];
      await serve(port, command, { TOKEN_FILE: token, USERS_FILE: users });
    }
    const withUrl = replaced(documented, 'https://app.example/xtokend/auth', url);
    const machine = await start(context, release, replaced(withUrl, '"http-token"', `"${token}"`));
    await expectPassword(machine, PASSWORD);
    await expect.poll(() => machine.daemon.log).toContain('backend="http"');
  });
});

describe('the page about passwords', () => {
  it('creates a file that the user of a web page writes, and a group reads', (context) => {
    requireRoot(context);
    const root = passableDirectory();
    cpSync('dist', join(root, 'library'), { recursive: true });
    const group = OTHER_USER - 1;
    const directory = join(root, 'app-passwords');
    const install = replaced(codeOf(WEB_PAGE, ''), '/var/lib/app-passwords', directory);
    const owned = replaced(replaced(install, '-o www-data', `-o ${OTHER_USER}`), '-g xtokend', `-g ${group}`);
    expect(spawnSync('sh', ['-ec', owned], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    const file = join(directory, 'app-passwords');
    const before = statSync(file);
    runAsOther(
      '"$1" --input-type=module --eval "$2"',
      process.execPath,
      webPage(directory, join(root, 'library')),
    );
    expect(readFileSync(file, 'utf8')).toContain('"label":"phone"');
    const { ino, uid, gid, mode } = statSync(file);
    expect(ino).not.toBe(before.ino);
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: OTHER_USER, gid: group, mode: 0o640 });
  });
});
