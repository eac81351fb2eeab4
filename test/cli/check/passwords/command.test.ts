import { chmodSync, chownSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, temporaryFile } from '../../../support/directory.js';
import { SECRETS } from '../../../support/keys.js';
import { OTHER_USER, requireRoot } from '../../../support/system/other-user.js';
import { answering, checkPasswords, configured, program } from './support.js';

const refusing = answering('*) echo 0;;');

function commandOf(...command: readonly string[]): string {
  return configured(`command = ${JSON.stringify(command)}\ntimeout = 2`, 'answer_within = 3\n');
}

describe('xtokend check, of passwords.command', () => {
  it('asks about a made-up user of a host that uses it', async () => {
    const requests = join(temporaryDirectory(), 'requests');
    const path = program(`while read -r line; do echo "$line" >>"${requests}"; echo 0; done`);
    const table = `[hosts."a.example"]\n[hosts."b.example".passwords]\ncommand = ["${path}"]\n`;
    const { codes, of } = await checkPasswords(temporaryFile(`${SECRETS}${table}`));
    expect(codes).toEqual(['ok passwords-command-ok']);
    expect(of('passwords-command-ok').join()).toMatch(/check-password refuses a wrong password, in \d+ ms /);
    expect(readFileSync(requests, 'utf8')).toMatch(
      /^auth:xtokend-check-[0-9a-f]{12}:b\.example:[\w-]{24}\n$/,
    );
  });

  it('reports a program that accepts any password', async () => {
    const checked = await checkPasswords(commandOf(program(answering('*) echo 1;;'))));
    expect([checked.status, checked.codes]).toEqual([1, ['problem passwords-command-accepts-any']]);
  });

  it('reports one that is missing, or may not be run', async () => {
    const missing = await checkPasswords(commandOf('/no/such/program'));
    expect(missing.of('passwords-command-missing')).toEqual([
      'problem: passwords.command: there is no /no/such/program; set passwords.command to the path of the program',
    ]);
    const path = program(refusing);
    chmodSync(path, 0o644);
    const { status, of } = await checkPasswords(commandOf(path));
    expect(status).toBe(1);
    expect(of('passwords-command-not-executable')).toEqual([
      expect.stringContaining(`cannot be run: permission denied; chmod a+rx ${path}; `),
    ]);
    expect((await checkPasswords(commandOf(dirname(path)))).codes).toContain(
      'problem passwords-command-not-executable',
    );
    const interpreter = await checkPasswords(commandOf(program('', '/no/such/interpreter')));
    expect(interpreter.of('passwords-command-failed')).toEqual([
      expect.stringMatching(
        /: can't be started: the interpreter in its first line is missing; correct the first line of \S+$/,
      ),
    ]);
  });

  it('shows why a program fails, without control characters', async () => {
    const path = program(`printf 'cannot connect to the database\\033[2J\\n' >&2; exit 3`);
    const { status, of } = await checkPasswords(commandOf(path));
    expect(status).toBe(1);
    expect(of('passwords-command-failed')).toEqual([
      `problem: passwords.command: ${path}: exited with 3 without an answer; its stderr: "cannot connect to the database\\u001b[2J"; try it as the user of xtokend, with the arguments in passwords.command: echo auth:USER:HOST:PASSWORD | ${path}; it must print 0 or 1`,
    ]);
  });

  it('does not show stderr that contains the password, and bounds what it shows', async () => {
    const traced = await checkPasswords(commandOf(program('read -r line; echo "got $line" >&2; exit 1')));
    expect(traced.of('passwords-command-failed').join()).toContain('its stderr: not shown, because');
    expect(traced.output).not.toContain('got auth');
    const long = program(`i=0; while [ $i -lt 200 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 1`);
    const { output } = await checkPasswords(commandOf(long));
    expect(output).toContain('line 10');
    expect(output).not.toContain('line 100');
  });

  it('notes what a program reports that answers', async () => {
    const { status, codes, of } = await checkPasswords(
      commandOf(program(`echo deprecated >&2; ${refusing}`)),
    );
    expect([status, codes]).toEqual([0, ['ok passwords-command-ok', 'note passwords-command-stderr']]);
    expect(of('passwords-command-stderr').join()).toContain('"deprecated"');
  });

  it('reports one that gives no answer within the timeout, other output, or a late answer', async () => {
    const [silent, chatty, slow] = await Promise.all([
      checkPasswords(commandOf(program('read -r line; sleep 60'))),
      checkPasswords(commandOf(program(answering('*) echo hello;;')))),
      checkPasswords(commandOf(program(answering('*) sleep 1.2; echo 0;;')))),
    ]);
    expect(silent.of('passwords-command-failed').join()).toContain(
      'no answer within the timeout; killed it; let it flush stdout after each answer, set "protocol" to the one that it uses, or raise passwords.timeout',
    );
    expect(chatty.of('passwords-command-failed').join()).toContain(
      'sent something other than 1 or 0 on stdout; killed it; let it write its messages to stderr',
    );
    expect(slow.codes).toEqual(['ok passwords-command-ok', 'warning passwords-slow']);
  });

  it('asks whether a user exists only if that decides who is a user', async () => {
    const path = program(answering('auth*) echo 0;; *) echo 1;;'));
    const settings = `command = ["${path}"]`;
    expect((await checkPasswords(configured(settings))).codes).toEqual(['ok passwords-command-ok']);
    const { codes, of } = await checkPasswords(configured(settings, 'users = "passwords"\n'));
    expect(codes).toEqual(['ok passwords-command-ok', 'warning passwords-isuser-any']);
    expect(of('users-passwords')).toHaveLength(1);
  });

  it('reports who else can change the program, or its script', async () => {
    const path = program(refusing);
    chmodSync(path, 0o757);
    const { status, of } = await checkPasswords(commandOf(path));
    expect(status).toBe(1);
    expect(of('passwords-command-writable')).toEqual([
      expect.stringMatching(
        /^problem: every user .* replace .* let anybody log in; chmod o-w .*; then check /,
      ),
    ]);
    const script = temporaryFile(refusing, 'script.sh');
    chmodSync(script, 0o646);
    const argument = await checkPasswords(commandOf('/bin/sh', script));
    expect([argument.status, argument.codes]).toEqual([
      0,
      ['warning passwords-command-writable', 'ok passwords-command-ok'],
    ]);
    chmodSync(script, 0o644);
    chmodSync(dirname(script), 0o777);
    const replaceable = await checkPasswords(commandOf('/bin/sh', script));
    expect(replaceable.of('passwords-command-writable').join()).toContain(`chmod o-w ${dirname(script)}`);
  });

  it('reports a program of an unknown user', async (context) => {
    requireRoot(context);
    const path = program(refusing);
    chownSync(path, 54321, OTHER_USER);
    const { of } = await checkPasswords(commandOf(path));
    expect(of('passwords-command-writable').join()).toContain('uid 54321 owns');
  });
});
