import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAppPassword } from '../../../../src/passwords/app-passwords/library.js';
import { temporaryDirectory, temporaryFile } from '../../../support/directory.js';
import { SECRETS } from '../../../support/keys.js';
import { runXtokend, startXtokend, xtokend } from '../../../support/xtokend.js';
import { answering, configured, program } from './support.js';

/** Starts a daemon. Returns a function that sends it a request, and returns the output. */
async function serving(config: string): Promise<(request: string) => Promise<string>> {
  const socket = join(temporaryDirectory(), 'socket');
  const daemon = startXtokend(['--config', config, '--listen', `unix:${socket}`]);
  onTestFinished(() => void daemon.kill());
  let log = '';
  while (!log.includes('listening')) log += String(((await once(daemon.stderr, 'data')) as [Buffer])[0]);
  return async (input) => {
    const args = ['check', '--config', config, '--socket', socket, '--request', '-'];
    const { stdout, stderr } = await runXtokend(args, { input });
    expect(stderr).toBe('');
    return stdout;
  };
}

const IN = String.raw`, in \d+ ms`;

describe('xtokend check --request, with a password', () => {
  it('says what each back end says, and repeats no password', async () => {
    const path = program(answering('auth:*:right) echo 1;; *) echo 0;;'));
    const config = configured(`store = "file:app"\ncommand = ["${path}"]`);
    const store = join(dirname(config), 'app');
    const { password } = await createAppPassword({ file: store, jid: 'alice@example.com', label: 'phone' });
    const ask = await serving(config);
    const stored = await ask(`auth:alice:example.com:${password}`);
    expect(stored).toMatch(/^accepted in /);
    expect(stored).toMatch(new RegExp(`app-passwords: accepts the password${IN}; command: not asked\\.`));
    expect(stored).not.toContain(password);
    expect(await ask('auth:alice:example.com:right')).toMatch(
      new RegExp(
        String.raw`itself, without counting for \[passwords\.limits\]: app-passwords: wrong password${IN}; command: accepts the password`,
      ),
    );
    const wrong = await ask('auth:alice:example.com:mistaken');
    expect(wrong).toMatch(/^refused \(wrong-password\) in /);
    expect(wrong).toContain('no back end of [passwords] knows this user with this password');
    expect(wrong).toMatch(new RegExp(`command: wrong password${IN}\\.`));
    expect(wrong).not.toContain('mistaken');
    const token = await ask(`auth:alice:example.com:${'1'.repeat(40)}`);
    expect(token).toContain(
      'no back end of [passwords] is asked, because 32 digits in a row make it a token',
    );
    expect(await ask('auth:alice:example.com:')).toMatch(/^refused \(wrong-password\)[^]*password is empty/);
  });

  it('says why a back end gives no answer', async () => {
    const ask = await serving(configured(`command = ["${program('exit 4')}"]`));
    const output = await ask('auth:alice:example.com:right');
    expect(output).toMatch(/^refused \(password-backend-unavailable\)/);
    expect(output).toContain('a back end of [passwords] gave no answer');
    expect(output).toContain('exited with 4 without an answer');
  });

  it('does not contradict the reason of the daemon', async () => {
    const config = configured('store = "file:app"');
    const store = join(dirname(config), 'app');
    await createAppPassword({ file: store, jid: 'alice@example.com', label: 'phone' });
    const ask = await serving(config);
    // The daemon has seen the file; the command has not.
    rmSync(store);
    const output = await ask('auth:alice:example.com:mistaken');
    expect(output).toMatch(
      /^refused \(password-backend-unavailable\) .*\nReason: a back end of \[passwords\] gave no answer/,
    );
    expect(output).not.toContain('Reason according to');
    expect(output).toContain('app-passwords: wrong password');
  });

  it('says that a user is blocked, whose password is right', async () => {
    const path = program(answering('*) echo 1;;'));
    const blocked = temporaryFile('alice\n', 'blocked');
    const ask = await serving(configured(`command = ["${path}"]`, `blocked_users = "file:${blocked}"\n`));
    expect(await ask('auth:alice:example.com:right')).toContain(
      'the password is right, but the user is on the list of blocked users',
    );
  });

  it('does not ask the back ends if the daemon throttles the user', async () => {
    const path = program(answering('*) echo 0;;'));
    const ask = await serving(configured(`command = ["${path}"]\n[passwords.limits]\nuser = 1`));
    await ask('auth:alice:example.com:one');
    const output = await ask('auth:alice:example.com:two');
    expect(output).toMatch(/^refused \(throttled\)/);
    expect(output).not.toContain('itself');
  });

  it('explains that a host without back ends takes a password for a token', async () => {
    const ask = await serving(temporaryFile(`${SECRETS}[replay]\nstore = "memory"\n`));
    const output = await ask('auth:alice:example.com:mistaken');
    expect(output).toContain('example.com has no [passwords], so a password is refused as a malformed token');
    expect(output).not.toContain('mistaken');
  });

  it('says which back end knows a user, with users = "passwords"', async () => {
    const path = program(answering('isuser:bob:*) echo 1;; *) echo 0;;'));
    const ask = await serving(
      configured(`store = "file:app"\ncommand = ["${path}"]`, 'users = "passwords"\n'),
    );
    expect(await ask('isuser:bob:example.com')).toMatch(
      new RegExp(`^accepted[^]*app-passwords: does not know the user${IN}; command: knows the user`),
    );
    expect(await ask('isuser:eve:example.com')).toMatch(
      /^refused \(unknown-user\)[^]*no back end of \[passwords\] knows the user/,
    );
  });
});

describe('xtokend verify, of a password', () => {
  const verify = (config: string, credential: string): string =>
    xtokend(['verify', 'alice@example.com', '-', '--config', config], { input: credential }).stdout;

  it('says how to ask the back ends, if the host has some', () => {
    const sentence = 'The daemon takes it for a password; to ask the back ends';
    const config = configured('store = "file:app"');
    expect(verify(config, 'mistaken')).toContain(sentence);
    expect(verify(config, '1'.repeat(40))).not.toContain(sentence);
    expect(verify(temporaryFile(SECRETS), 'mistaken')).not.toContain(sentence);
  });
});
