import fc from 'fast-check';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fastClock, NO, puppet, Subject, write, YES } from './subject.js';

/** Longer than a pause of a program on a slow machine, so that surplus output always falls into it. */
const SILENCE = 400;

const open = (command = puppet(), processes = 1, silence = SILENCE): Subject =>
  new Subject(command, { processes }, { monotonic: fastClock(), silence });

describe('a surplus answer', () => {
  it.each([
    ['in the same read', `${YES}${YES}`],
    ['right after the answer', `${YES},${YES}`],
    ['later', `${YES},d0.1,${YES}`],
    ['later, in part', `${YES},d0.1,${write('1')}`],
    ['before the answer that refuses', `${YES},d0.1,${NO}`],
    ['that is an empty line', `${YES}${write('\n')}`],
  ])('%s makes the request fail', async (_, plan) => {
    const subject = open();
    expect(await subject.try(plan)).toMatch(
      /sent (something other|output without a request, or a second answer)/,
    );
    expect(await subject.verify(NO)).toBe('wrong');
    expect(await subject.verify(YES)).toBe('accepted');
  });

  it.each([`${NO},${YES}`, `${NO},d0.1,${YES}`, `${NO},d0.01,${write('1')},d0.01,${write('\n')}`])(
    'of a refused request (%s) is not for the next one',
    async (plan) => {
      const subject = open();
      // In one read, the request fails.
      expect(await subject.try(plan)).not.toBe('accepted');
      expect(await subject.verify(NO)).toBe('wrong');
    },
  );

  it('that comes while nothing is asked ends the child', async () => {
    const subject = open(puppet(), 1, 10);
    expect(await subject.verify(`${NO},d0.3,${YES},h`)).toBe('wrong');
    await sleep(1000);
    expect(await subject.verify(NO)).toBe('wrong');
  });

  it('is found also if the event loop was blocked', async () => {
    const subject = open(puppet(), 1, 10);
    const first = subject.verify(`${NO},d0.5,${YES}`);
    expect(await first).toBe('wrong');
    const end = Date.now() + 1500;
    while (Date.now() < end);
    expect(await subject.verify(NO)).toBe('wrong');
  });
});

describe('output at the start', () => {
  it('is not taken for an answer', async () => {
    const subject = new Subject(
      ['/bin/sh', '-c', `echo 1; while read -r line; do echo 0; done`],
      {},
      { silence: SILENCE },
    );
    expect(await subject.try('x')).toContain('sent output without a request');
    expect(await subject.try('x')).toContain('started again soon');
  });

  it('that comes late is not taken for an answer either, if the answer follows', async () => {
    const subject = open(puppet('d0.6', YES));
    expect(await subject.try(NO)).toContain('sent');
  });
});

describe('other output', () => {
  it('is bounded in memory', async () => {
    const subject = open();
    const before = process.memoryUsage().arrayBuffers;
    expect(await subject.try(write('1'.repeat(200)))).toContain('something other than 1 or 0');
    const endless = new Subject(['/bin/sh', '-c', 'read -r line; exec cat /dev/zero']);
    expect(await endless.try('x')).toContain('something other than 1 or 0');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });

  it('never accepts, whatever it is', async () => {
    const subject = open(puppet(), 8, 100);
    const bytes = fc.oneof(
      fc.constantFrom('1', '0', '\n', '\r', '1\n', '0\n', '\r\n', ' ', '\0'),
      fc.uint8Array({ minLength: 1, maxLength: 6 }).map((array) => Buffer.from(array).toString('latin1')),
    );
    const plans = fc.sample(fc.array(bytes, { minLength: 1, maxLength: 4 }), 150);
    const results = await Promise.all(
      plans.map(async (plan) => {
        const output = plan.join('');
        // An incomplete answer is followed by the exit.
        const exit = /^[01]?\r?$/.test(output) ? ',x0' : '';
        return { output, result: await subject.try(`${plan.map(write).join(',')}${exit}`) };
      }),
    );
    for (const { output, result } of results) {
      const isYes = /^1\r?\n$/.test(output);
      expect.soft(result === 'accepted', JSON.stringify({ output, result })).toBe(isYes);
      if (result === 'wrong') expect.soft(output).toMatch(/^0\r?\n/);
      else if (!isYes) expect.soft(result).toContain('PasswordBackendError');
    }
  });
});

describe('concurrent requests', () => {
  it('get their own answers, whatever the program does besides', async () => {
    const subject = open(puppet(), 8, 100);
    const faults = [
      '',
      '',
      '',
      'x0',
      'x1',
      'h',
      YES,
      NO,
      write('1'),
      `d0.02,${YES}`,
      `d0.001,${NO}`,
      write('\0'),
    ];
    const request = fc.record({
      isRight: fc.boolean(),
      delay: fc.constantFrom('', 'd0', 'd0.005', 'd0.01'),
      fault: fc.constantFrom(...faults),
      place: fc.constantFrom('before', 'after'),
    });
    const requests = fc.sample(request, 150);
    const outcomes = await Promise.all(
      requests.map(async ({ isRight, delay, fault, place }) => {
        const answer = isRight ? YES : NO;
        // A program that hangs after its answer would only keep the next request until its deadline.
        const steps = place === 'before' || fault === 'h' ? [fault, delay, answer] : [delay, answer, fault];
        const abort = new AbortController();
        // Hung programs must not block the queue for long; the timers of waiting requests start together.
        const timer = setTimeout(
          () => {
            abort.abort();
          },
          fault === 'h' ? 2000 : 50_000,
        );
        const result = await subject.try(steps.filter((step) => step !== '').join(','), abort.signal);
        clearTimeout(timer);
        return { isRight, fault, place, result };
      }),
    );
    for (const outcome of outcomes) {
      const { isRight, fault, result } = outcome;
      const text = JSON.stringify(outcome);
      if (result === 'accepted') expect.soft(isRight, text).toBe(true);
      // A program that says 0 first has refused.
      else if (result === 'wrong') expect.soft(!isRight || fault.endsWith(NO), text).toBe(true);
      else expect.soft(result).toContain('PasswordBackendError');
    }
    expect(outcomes.filter(({ result }) => result === 'accepted').length).toBeGreaterThan(5);
    expect(outcomes.filter(({ result }) => result === 'wrong').length).toBeGreaterThan(5);
  });
});
