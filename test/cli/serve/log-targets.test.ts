import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFile } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { fakeLogProgram, type FakeLogProgram } from '../../support/system/log-program.js';
import { end } from '../../support/system/processes.js';
import { PROGRAM, startXtokend } from '../../support/xtokend.js';

/** An xtokend that serves stdin and stdout. */
class Asked {
  readonly child: ChildProcessWithoutNullStreams;
  answered = 0;
  stderr = '';

  constructor(log: string, env: NodeJS.ProcessEnv, script?: string) {
    const config = temporaryFile(`${SECRETS}[log]\n${log}\n`);
    const args = ['--config', config];
    this.child =
      script === undefined ? startXtokend(args, env) : startXtokend(['-c', script, 'sh', ...args], env, 'sh');
    this.child.stdout.on('data', (data: Buffer) => (this.answered += data.length / 2));
    this.child.stderr.on('data', (data: Buffer) => (this.stderr += data.toString()));
    onTestFinished(() => end(this.child));
  }

  async ask(times = 1, user = 'a'): Promise<void> {
    const expected = this.answered + times;
    this.child.stdin.write(`isuser:${user}:b\n`.repeat(times));
    await expect.poll(() => this.answered).toBe(expected);
  }

  /** Ends it. Returns when its output is complete, which it need not be when the process exits. */
  async end(): Promise<void> {
    const closed = once(this.child, 'close');
    this.child.stdin.end();
    expect(await closed).toEqual([0, null]);
  }
}

const programs = [
  ['journal', 'systemd-cat', '<6>', /^--identifier=xtokend --level-prefix=true$/],
  ['syslog', 'logger', '<38>', /^-t xtokend --id=\d+ --prio-prefix --socket-errors=on --size=8192$/],
] as const;

describe.each(programs)('the log target %s', (target, name, prefix, args) => {
  const start = (program: FakeLogProgram): Asked => new Asked(`target = "${target}"`, program.env);

  it('gets all lines, with a priority and without a time', async () => {
    const program = fakeLogProgram(name);
    const asked = start(program);
    await asked.ask();
    await asked.end();
    // On a busy machine, the program reads its pipe only after xtokend has exited.
    await expect.poll(program.log).toMatch(/accepted .*\n$/);
    const lines = program.log().trim().split('\n');
    expect(lines[0]).toMatch(new RegExp(`^${prefix}started version=`));
    expect(lines.at(-1)).toMatch(
      new RegExp(`^${prefix}accepted operation="isuser" jid="a@b" host="b" listener="stdin" ms=[0-9.]+$`),
    );
    expect(program.args()).toMatch(args);
    expect(asked.stderr).toBe('');
  });

  it('starts its program again after a crash', async () => {
    const program = fakeLogProgram(name);
    const asked = start(program);
    await asked.ask(1, 'first');
    await expect.poll(program.log).toContain('first@b');
    const pid = program.pid();
    process.kill(pid, 'SIGKILL');
    await expect
      .poll(async () => {
        await asked.ask(1, 'second');
        return program.log();
      })
      .toContain('second@b');
    expect(program.pid()).not.toBe(pid);
    expect(asked.stderr).toBe('');
  });

  it('keeps its program running on SIGTERM until the last line', async () => {
    const program = fakeLogProgram(name);
    const asked = start(program);
    await asked.ask(1, 'first');
    await expect.poll(program.log).toContain('first@b');
    process.kill(program.pid(), 'SIGTERM');
    await asked.ask(1, 'last');
    await asked.end();
    await expect.poll(program.log).toContain('last@b');
  });

  it('delays no answer and bounds the memory while its program is stopped', async () => {
    const program = fakeLogProgram(name);
    const asked = start(program);
    await asked.ask(1, 'first');
    await expect.poll(program.log).toContain('first@b');
    const pid = program.pid();
    process.kill(pid, 'SIGSTOP');
    // Nor is stderr read, which gets the lines meanwhile: it loses lines as well, and says so when it is read again.
    asked.child.stderr.pause();
    await asked.ask(1000);
    const before = memoryOf(asked.child);
    for (let round = 0; round < 6; round += 1) await asked.ask(10_000);
    expect(memoryOf(asked.child) - before).toBeLessThan(60);
    asked.child.stderr.resume();
    await expect
      .poll(async () => {
        await asked.ask(1, 'meanwhile');
        return asked.stderr;
      })
      .toContain('meanwhile@b');
    expect(asked.stderr).toContain('error log write failed path=');
    process.kill(pid, 'SIGCONT');
    await expect
      .poll(() => asked.stderr)
      .toMatch(new RegExp(`warning log recovered path="(the )?${target}"`));
    await asked.ask(1, 'last');
    await expect.poll(program.log).toContain('last@b');
    const lines = program.log().trimEnd().split('\n');
    expect(lines.filter((line) => !/^<\d+>(started|accepted|log recovered) .*(=\S+)$/.test(line))).toEqual(
      [],
    );
  });

  it('falls back to stderr, with the cause, if its program cannot be used', async () => {
    const program = fakeLogProgram(name, 'exit 1');
    const asked = start(program);
    // On a busy machine, the program can run so long that it counts as usable. The next line starts it again.
    await expect
      .poll(async () => {
        await asked.ask(1, 'first');
        return asked.stderr;
      })
      .toContain(`${name} cannot be used: it exited at once with 1`);
    await asked.ask(1, 'second');
    await expect.poll(() => asked.stderr).toContain('info accepted operation="isuser" jid="second@b"');
  });
});

function memoryOf({ pid }: { pid?: number | undefined }): number {
  const status = readFileSync(`/proc/${pid ?? 'self'}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

describe('the log target stderr', () => {
  const script = (stream: string): string => `export JOURNAL_STREAM=${stream}; exec ${PROGRAM} "$@"`;
  const OWN = '$(stat -L -c %d:%i /proc/self/fd/2)';

  it('has priorities and no time if it leads to the journal', async () => {
    const asked = new Asked('', {}, script(OWN));
    await asked.ask();
    await asked.end();
    expect(asked.stderr).toMatch(/^<6>started .*\n<6>accepted .*\n$/);
  });

  it('has priorities and a time in JSON', async () => {
    const asked = new Asked('format = "json"', {}, script(OWN));
    await asked.ask();
    await asked.end();
    const line = asked.stderr.trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(line.replace('<6>', ''))).toMatchObject({
      level: 'info',
      message: 'accepted',
      jid: 'a@b',
    });
  });

  it('has a time if the journal is another stream', async () => {
    const asked = new Asked('', {}, script('1:1'));
    await asked.ask();
    await asked.end();
    expect(asked.stderr).toMatch(/^\d{4}-\S+Z info started .*\n\d{4}-\S+Z info accepted .*\n$/);
  });
});
