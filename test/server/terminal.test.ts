import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/authenticator.js';
import type { Decide, Observer } from '../../src/server/responder.js';
import { serveTerminal, type TerminalOptions } from '../../src/server/terminal.js';

const accept: Decide = () => Promise.resolve({ accepted: true, about: { jid: 'a@b' } });

/** A terminal with a clock that can be set on, as if the process had been stopped meanwhile. */
function start(options: Partial<TerminalOptions> & { decide: Decide }): {
  input: PassThrough;
  answers: string[];
  events: string[];
  advance: (milliseconds: number) => void;
  end: () => Promise<void>;
} {
  const input = new PassThrough();
  const answers: string[] = [];
  const events: string[] = [];
  const observer: Observer = {
    decided: () => events.push('decided'),
    failed: () => events.push('failed'),
    withheld: () => events.push('withheld'),
  };
  let skipped = 0;
  const clock = (): number => performance.now() + skipped;
  const served = serveTerminal({
    input,
    write: (answer) => answers.push(answer.toString()),
    observer,
    answerWithin: () => 1000,
    clock,
    emptyAt: clock(),
    startsInRequest: false,
    isOrphaned: () => false,
    stop: new AbortController().signal,
    ...options,
  });
  return {
    input,
    answers,
    events,
    advance: (milliseconds) => (skipped += milliseconds),
    end: async () => {
      input.end();
      await served;
    },
  };
}

describe('serveTerminal', () => {
  it('answers each request in a write of its own', async () => {
    const { input, answers, end } = start({ decide: accept });
    input.write('isuser:a:b\nisuser:a:b\n');
    await end();
    expect(answers).toEqual(['1\n', '1\n']);
  });

  it('drops the rest of a request whose beginning was thrown away, however it is cut', async () => {
    const { input, answers, end } = start({ decide: accept, startsInRequest: true });
    for (const piece of ['b:isuser:', 'a:b', '\nisuser:a:b\n']) input.write(piece);
    await end();
    expect(answers).toEqual(['1\n']);
  });

  it('is silent about what may have waited too long, and answers again after it saw no input', async () => {
    const { input, answers, events, advance, end } = start({ decide: accept });
    await sleep(400);
    advance(5000);
    input.write('isuser:a:b\n');
    await sleep(400);
    input.write('isuser:a:b\n');
    await end();
    expect(events).toEqual(['withheld', 'decided']);
    expect(answers).toEqual(['1\n']);
  });

  it('is silent where it was stopped between the reading and the answer', async () => {
    let decided: (verdict: Verdict) => void = () => undefined;
    const { input, answers, advance, end } = start({
      decide: () => new Promise((resolve) => (decided = resolve)),
    });
    input.write('isuser:a:b\n');
    await sleep(50);
    advance(5000);
    decided({ accepted: true, about: { jid: 'a@b' } });
    await end();
    expect(answers).toEqual([]);
  });

  it('a store that hangs costs the request that waits for it, not the next one', async () => {
    let asked = 0;
    const decide: Decide = (request) => ((asked += 1) === 1 ? new Promise(() => undefined) : accept(request));
    const { input, answers, events, end } = start({ decide });
    input.write('isuser:a:b\n');
    await sleep(1300);
    input.write('isuser:a:b\n');
    await sleep(50);
    expect(events).toEqual(['withheld', 'decided']);
    await end();
    expect(answers).toEqual(['1\n']);
  });

  it('an event loop that was blocked is silent about what came meanwhile', async () => {
    const { input, answers, end } = start({ decide: accept });
    await sleep(300);
    const free = performance.now() + 1500;
    while (performance.now() < free);
    input.write('isuser:a:b\n');
    await end();
    expect(answers).toEqual([]);
  });

  it('a request that is half read keeps its age', async () => {
    const { input, answers, end } = start({ decide: accept });
    input.write('isuser:a');
    await sleep(1300);
    input.write(':b\n');
    await end();
    expect(answers).toEqual([]);
  });

  it('ends when the server is gone', async () => {
    const orphaned = start({ decide: accept, isOrphaned: () => true });
    await sleep(400);
    expect(orphaned.input.destroyed).toBe(true);
  });
});
