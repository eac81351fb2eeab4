import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { temporaryFile } from '../../support/directory.js';
import { fastClock, isRunning, LOOP, NO, puppet, sh, Subject, YES } from './subject.js';

const linesOf = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1);

/** A program that writes its pid to a file, and then does what follows. */
function counted(script: string): { pids: () => number[]; command: ReturnType<typeof sh> } {
  const path = temporaryFile('');
  return { pids: () => linesOf(path).map(Number), command: sh(`echo $$ >>${path}; ${script}`) };
}

describe('the deadline', () => {
  it('kills the program, with what it has started', async () => {
    const path = temporaryFile('');
    const script = `sleep 1000 & echo $! >>${path}; echo $$ >>${path}; read -r line; sleep 1000 | cat; echo 1`;
    const subject = new Subject(sh(script));
    const abort = new AbortController();
    const result = subject.try('x', abort.signal);
    await expect.poll(() => linesOf(path).length).toBe(2);
    await sleep(100);
    abort.abort();
    expect(await result).toContain(
      'PasswordBackendError: command /bin/sh: no answer within the timeout; killed it',
    );
    for (const pid of linesOf(path).map(Number)) await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it('is followed by a new process, without delay', async () => {
    const subject = new Subject(puppet(), {}, { monotonic: () => 0 });
    for (let round = 0; round < 3; round += 1) {
      expect(await subject.try('h', AbortSignal.timeout(500))).toContain('no answer within the timeout');
      expect(await subject.verify(YES)).toBe('accepted');
    }
  });

  it('applies to the silence after an answer as well', async () => {
    const subject = new Subject(puppet(), {}, { silence: 2000 });
    expect(await subject.try(YES, AbortSignal.timeout(3000))).toContain('no answer within the timeout');
  });

  it('removes a waiting request from the queue', async () => {
    const asked = temporaryFile('');
    const subject = new Subject(
      sh(`while IFS= read -r line; do echo "\${line##*:}" >>${asked}; sleep 1; echo 0; done`),
    );
    const first = subject.try('first');
    const abort = new AbortController();
    const second = subject.try('second', abort.signal);
    const third = subject.try('third');
    abort.abort();
    expect(await second).toContain('no process was free within the timeout');
    expect([await first, await third]).toEqual(['wrong', 'wrong']);
    expect(linesOf(asked)).toEqual(['first', 'third']);
  });

  it('that has passed before asks nothing', async () => {
    const { command, pids } = counted(LOOP);
    expect(await new Subject(command).try('right', AbortSignal.abort())).toContain('PasswordBackendError');
    expect(pids()).toEqual([]);
  });
});

describe('the pool', () => {
  it('asks in order', async () => {
    const asked = temporaryFile('');
    const subject = new Subject(
      sh(`while IFS= read -r line; do echo "\${line##*:}" >>${asked}; echo 0; done`),
    );
    const passwords = Array.from({ length: 20 }, (_, index) => `p${index}`);
    await Promise.all(passwords.map((password) => subject.verify(password)));
    expect(linesOf(asked)).toEqual(passwords);
  });

  it('has no more processes than allowed, and uses all of them', async () => {
    const { command, pids } = counted('while read -r line; do sleep 0.3; echo 0; done');
    const subject = new Subject(command, { processes: 3 });
    await Promise.all(
      Array.from({ length: 9 }, (_, index) => subject.verify('x', undefined, `client ${index}`)),
    );
    expect(pids()).toHaveLength(3);
  });

  it('goes on with the others if one hangs', async () => {
    const subject = new Subject(puppet(), { processes: 2 });
    const abort = new AbortController();
    const hung = subject.try('h', abort.signal, 'one client');
    for (let round = 0; round < 5; round += 1) {
      expect(await subject.verify(YES, undefined, 'another')).toBe('accepted');
    }
    abort.abort();
    expect(await hung).toContain('killed it');
  });

  it('because of one client does not keep others from it', async () => {
    const subject = new Subject(puppet(), { processes: 2 });
    const aborts = Array.from({ length: 8 }, () => new AbortController());
    const hung = aborts.map(({ signal }) => subject.try('h', signal, 'attacker'));
    for (let round = 0; round < 3; round += 1) {
      expect(await subject.verify(YES, undefined, `client ${round}`)).toBe('accepted');
    }
    for (const abort of aborts) abort.abort();
    await Promise.all(hung);
  });
});

describe('a program that fails', () => {
  it('is started again after a delay that doubles', async () => {
    let now = 0;
    const { command, pids } = counted('exit 3');
    const subject = new Subject(command, {}, { monotonic: () => now, silence: 2000 });
    const delays = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000];
    for (const [index, delay] of delays.entries()) {
      expect(await subject.try('x')).toContain(
        'exited with 3 without an answer. To see why, run "xtokend check"; it is started again soon',
      );
      now += delay - 1;
      expect(await subject.try('x')).toContain('exited with 3');
      expect(pids()).toHaveLength(index + 1);
      now += 1;
    }
  });

  it('for one request is not kept from the others for longer than a second', async () => {
    let now = 0;
    const subject = new Subject(puppet(), {}, { monotonic: () => now });
    for (let failures = 0; failures < 6; failures += 1) {
      expect(await subject.try('x1')).toContain('exited with 1');
      now += 1000;
    }
    expect(await subject.verify(YES)).toBe('accepted');
    // An answer resets the delay.
    expect(await subject.try('x1')).toContain('exited with 1');
    expect(await subject.try(YES)).toContain('started again soon');
    now += 100;
    expect(await subject.verify(YES)).toBe('accepted');
  });

  it('refuses all waiting requests with the cause', async () => {
    const subject = new Subject(puppet(), {}, { monotonic: () => 0 });
    const results = await Promise.all(['x4', YES, YES].map((plan) => subject.try(plan)));
    for (const result of results) expect(result).toContain('exited with 4');
  });

  it('by closing its pipes is replaced', async () => {
    const script = 'read -r line; exec <&- >&-; sleep 1000';
    expect(await new Subject(sh(script)).try('x')).toContain('closed its stdin or stdout');
    const subject = new Subject(sh(`exec <&-; sleep 1000`), {}, { silence: 500 });
    expect(await subject.try('x')).toContain('closed its stdin or stdout');
  });

  it('between two requests does not harm the next one', async () => {
    const { command, pids } = counted(LOOP);
    const subject = new Subject(command, {}, { monotonic: fastClock() });
    expect(await subject.verify('right')).toBe('accepted');
    process.kill(pids()[0] ?? 0, 'SIGKILL');
    await expect.poll(() => isRunning(pids()[0] ?? 0)).toBe(false);
    expect(await subject.verify('right')).toBe('accepted');
  });
});

describe('close', () => {
  it('ends the processes by the end of stdin', async () => {
    const done = temporaryFile('');
    const { command, pids } = counted(`${LOOP}; echo done >>${done}`);
    const subject = new Subject(command);
    expect(await subject.verify('right')).toBe('accepted');
    await subject.backend.close();
    expect(linesOf(done)).toEqual(['done']);
    expect(isRunning(pids()[0] ?? 0)).toBe(false);
    expect(await subject.try('right')).toContain('xtokend is ending');
  });

  it('kills those that stay, with what they have started', async () => {
    const { command, pids } = counted('read -r line; echo 0; while :; do sleep 1; done');
    const subject = new Subject(command);
    expect(await subject.verify('x')).toBe('wrong');
    await subject.backend.close();
    await expect.poll(() => isRunning(-(pids()[0] ?? 0))).toBe(false);
  });

  it('lets a request in progress finish, and refuses those that wait', async () => {
    const subject = new Subject(puppet());
    const asked = subject.try(`d0.5,${YES}`);
    await expect.poll(() => subject.try(NO, AbortSignal.timeout(1))).toContain('no process was free');
    const waiting = subject.try(YES);
    await sleep(100);
    await subject.backend.close();
    expect(await asked).toBe('accepted');
    expect(await waiting).toContain('xtokend is ending');
  });

  it('is possible before anything was asked, and twice', async () => {
    const subject = new Subject(puppet());
    await subject.backend.close();
    await subject.backend.close();
  });
});
