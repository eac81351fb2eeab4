import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PasswordBackendError } from '../../../src/passwords/backend.js';
import { temporaryDirectory, temporaryFile } from '../../support/directory.js';
import { hasProgram, requirePackage } from '../../support/run/requirements.js';
import { checker, fastClock, LOOP, NO, puppet, sh, Subject, write, YES } from './subject.js';

describe.each(['generic', 'ejabberd'] as const)('a program in the %s protocol', (protocol) => {
  it.each(['right', 'a:b::', 'pässwörd €🙂', 'tab\there', ' spaces ', '1', '"\'\\$(id)`id`'])(
    'checks the password %j',
    async (password) => {
      const subject = new Subject(checker(protocol, password), { protocol });
      expect(await subject.verify(password)).toBe('accepted');
      expect(await subject.verify(`${password}x`)).toBe('wrong');
      expect(await subject.verify(password)).toBe('accepted');
      expect(await subject.isUser('alice')).toBe(true);
      expect(await subject.isUser('bob')).toBe(false);
    },
  );

  it('checks many passwords at once', async () => {
    const subject = new Subject(checker(protocol, 'right'), { protocol, processes: 3 });
    const passwords = Array.from({ length: 40 }, (_, index) => (index % 3 === 0 ? 'right' : `wrong${index}`));
    const results = await Promise.all(passwords.map((password) => subject.verify(password)));
    expect(results).toEqual(passwords.map((password) => (password === 'right' ? 'accepted' : 'wrong')));
  });
});

describe('a command', () => {
  it('can be written in Python', async (context) => {
    requirePackage(context, hasProgram('python3'), 'python3');
    const path = temporaryFile(
      'import sys\nfor line in sys.stdin:\n    print(int(line.endswith(":right\\n")), flush=True)\n',
    );
    const subject = new Subject(['/usr/bin/env', 'python3', path]);
    expect([await subject.verify('right'), await subject.verify('no')]).toEqual(['accepted', 'wrong']);
  });

  it('in the ejabberd protocol gets line ends and NUL', async () => {
    const subject = new Subject(checker('ejabberd', 'a\r\nb\0'), { protocol: 'ejabberd' });
    expect(await subject.verify('a\r\nb\0')).toBe('accepted');
    expect(await subject.verify('x'.repeat(65_000))).toBe('wrong');
    expect(await subject.verify('x'.repeat(70_000))).toBe('wrong');
  });

  it('in the generic protocol is not even started for line ends and NUL', async () => {
    const started = join(temporaryDirectory(), 'started');
    const subject = new Subject(sh(`>${started}; while read -r line; do echo 1; done`));
    for (const password of ['a\r', 'a\nb', '\0', 'x\nauth:bob:example.com:y', 'x'.repeat(1000)]) {
      expect(await subject.verify(password)).toBe('wrong');
    }
    expect(await subject.isUser('a\nb')).toBe(false);
    expect(existsSync(started)).toBe(false);
  });

  it('can write an answer in pieces, with CRLF, or slowly', async () => {
    const subject = new Subject(puppet());
    expect(await subject.verify(`${write('1')},d0.02,${write('\n')}`)).toBe('accepted');
    expect(await subject.verify(`${write('0')},d0.02,${write('\r')},d0.02,${write('\n')}`)).toBe('wrong');
    expect(await subject.verify(`d0.3,${write('1\r\n')}`)).toBe('accepted');
  });

  it('can take long to start', async () => {
    expect(await new Subject(puppet('d0.7')).verify(YES)).toBe('accepted');
  });

  it('can answer once and exit', async () => {
    const subject = new Subject(
      sh(`IFS= read -r line; case $line in *:right) echo 1;; *) echo 0;; esac`),
      { processes: 2 },
      // Any delay would be for ever.
      { monotonic: () => 0 },
    );
    for (let round = 0; round < 10; round += 1) {
      expect(await subject.verify('right')).toBe('accepted');
      expect(await subject.verify('wrong')).toBe('wrong');
    }
  });

  it('can answer once and exit later', async () => {
    const subject = new Subject(puppet(), {}, { monotonic: () => 0 });
    for (let round = 0; round < 3; round += 1)
      expect(await subject.verify(`${YES},d0.15,x0`)).toBe('accepted');
  });

  it('stays for the next request', async () => {
    const pids = temporaryFile('');
    const subject = new Subject(sh(`echo $$ >>${pids}; ${LOOP}`), { processes: 4 });
    for (let round = 0; round < 5; round += 1) expect(await subject.verify('right')).toBe('accepted');
    expect(readFileSync(pids, 'utf8').trim().split('\n')).toHaveLength(1);
  });
});

describe('an error', () => {
  const ERROR = (fault: string): string => `PasswordBackendError: command /bin/sh: ${fault}`;

  it('is one of back ends', async () => {
    await expect(new Subject(puppet()).verify('x3')).rejects.toThrow(PasswordBackendError);
  });

  it('says how the program ended', async () => {
    const end = async (plan: string): Promise<string> => new Subject(puppet()).try(plan);
    expect(await end('x3')).toBe(ERROR('exited with 3 without an answer. To see why, run "xtokend check"'));
    expect(await end('x0')).toContain('exited with 0 without an answer');
    expect(await end(`${write('1')},x0`)).toContain('exited with 0 without an answer');
    expect(await new Subject(sh('kill -SEGV $$')).try('x')).toContain('was killed by SIGSEGV');
  });

  it('says why the program is not started', async () => {
    const missing = new Subject(['/nowhere/check', 'secret-argument']);
    expect(await missing.try('x')).toBe(
      "PasswordBackendError: command /nowhere/check: can't be started: no such file, or the interpreter that its first line names is missing; it is started again soon",
    );
    const path = temporaryFile('#!/bin/sh\n');
    expect(await new Subject([path]).try('x')).toContain("can't be started: permission denied");
    expect(await new Subject(['/bin/sh', 'x'.repeat(3_000_000)]).try('x')).toContain(
      'arguments are too long',
    );
  });

  it('contains neither output nor arguments nor the password', async () => {
    const subject = new Subject(puppet('d0'), {}, { monotonic: fastClock() });
    const secret = write('hunter2');
    for (const plan of [
      `${secret}${write('\n')}`,
      `${write('1')}${secret}`,
      `${secret},x1`,
      `${YES},${secret}`,
      `${secret},h`,
    ]) {
      const message = await subject.try(plan);
      expect(message).toContain('PasswordBackendError');
      expect(message).not.toMatch(/hunter2|puppet|\\/);
    }
  });

  it('tells about other output', async () => {
    expect(await new Subject(puppet()).try(write('Yes'))).toContain(
      'sent something other than 1 or 0 on stdout; killed it. Let it write its messages to stderr or a file',
    );
  });
});

describe('stderr', () => {
  const script = `echo 1 >&2; while read -r line; do echo "saw $line" >&2; echo 0; done`;

  it('is discarded', async () => {
    expect(await new Subject(sh(script)).verify('x')).toBe('wrong');
  });

  it('can be passed on', async () => {
    let text = '';
    const subject = new Subject(sh(script), {}, { onStderr: (bytes) => (text += bytes.toString()) });
    expect(await subject.verify('x')).toBe('wrong');
    await subject.backend.close();
    expect(text).toBe('1\nsaw auth:alice:example.com:x\n');
  });

  it('of a program that fails is passed on as well', async () => {
    const path = temporaryFile('');
    writeFileSync(path, 'echo broken >&2; exit 7');
    let text = '';
    const subject = new Subject(['/bin/sh', path], {}, { onStderr: (bytes) => (text += bytes.toString()) });
    expect(await subject.try(NO)).toContain('exited with 7');
    await subject.backend.close();
    expect(text).toBe('broken\n');
  });
});
