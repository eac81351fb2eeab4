import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refused, type CompletedRequest, type Decision } from '../../src/authenticator/decision.js';
import { native } from '../../src/protocol/native.js';
import { generic } from '../../src/protocol/generic.js';
import type { Request } from '../../src/protocol/request.js';
import { Responder, type ResponderOptions } from '../../src/server/responder.js';
import { cuts, split } from '../support/chunks.js';

/** Accepts the host `yes`, fails at `broken`, and takes as many microtasks as the user's name is long. */
async function decide(request: Request): Promise<Decision> {
  if (!('user' in request)) return refused('malformed-request');
  for (let turns = request.user.length; turns > 0; turns -= 1) await Promise.resolve();
  if (request.host === 'broken') throw new Error('the store is gone');
  return request.host === 'yes' ? { outcome: 'accepted', key: 'a' } : refused('unknown-host');
}

/** Lets a responder answer a stream in pieces. */
async function answer(
  pieces: readonly Buffer[],
  reply: ResponderOptions['reply'],
): Promise<CompletedRequest[]> {
  const completed: CompletedRequest[] = [];
  const onCompleted = (request: CompletedRequest): unknown => completed.push(request);
  const responder = new Responder({ listener: 'stdin', protocol: generic, decide, onCompleted, reply });
  for (const piece of pieces) {
    for (const frame of responder.decode(piece)) responder.answer(frame);
  }
  await responder.answered();
  expect(responder.isIdle).toBe(true);
  return completed;
}

describe('Responder', () => {
  it('answers every request once and in order, however long each takes and however the bytes are split', async () => {
    const request = fc.record({
      user: fc.stringMatching(/^[a-z]{1,9}$/),
      host: fc.constantFrom('yes', 'no', 'broken'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 40 }), cuts, async (requests, places) => {
        const answers: string[] = [];
        const stream = Buffer.from(requests.map(({ user, host }) => `isuser:${user}:${host}\n`).join(''));
        await answer(split(stream, places), (bytes) => answers.push(bytes.toString()) > 0);
        expect(answers).toEqual(requests.map(({ host }) => (host === 'yes' ? '1\n' : '0\n')));
      }),
      { numRuns: 500 },
    );
  });

  const named = (user: string, host: string): object => ({
    context: { operation: 'isuser', jid: `${user}@${host}`, host, listener: 'stdin' },
    milliseconds: expect.any(Number) as number,
  });

  it('reports every decision and every error with the context of the request', async () => {
    const requests = Buffer.from('isuser:a:yes\nisuser:a:no\nisuser:a:broken\nx\n');
    expect(await answer([requests], () => true)).toEqual([
      { ...named('a', 'yes'), outcome: 'accepted', key: 'a' },
      { ...named('a', 'no'), outcome: 'refused', reason: 'unknown-host' },
      { ...named('a', 'broken'), outcome: 'refused', reason: 'internal-error', cause: 'the store is gone' },
      {
        ...{
          context: { operation: 'malformed', listener: 'stdin' },
          milliseconds: expect.any(Number) as number,
        },
        ...{ outcome: 'refused', reason: 'malformed-request' },
      },
    ]);
  });

  it('reports an answer that could not be sent with the context of the request, and not as accepted', async () => {
    expect(await answer([Buffer.from('isuser:a:yes\n')], () => false)).toEqual([
      { ...named('a', 'yes'), outcome: 'unanswered', reason: 'deadline-exceeded' },
    ]);
  });

  it('reports each request before the next answer, so that a process that ends then has it in its log', async () => {
    const events: string[] = [];
    const onCompleted = ({ context }: CompletedRequest): unknown => events.push(`log ${context.host ?? ''}`);
    const reply = (): boolean => events.push('answer') > 0;
    const responder = new Responder({ listener: 'stdin', protocol: generic, decide, onCompleted, reply });
    for (const frame of responder.decode(Buffer.from('isuser:a:yes\nisuser:b:no\n'))) responder.answer(frame);
    await responder.answered();
    expect(events).toEqual(['answer', 'log yes', 'answer', 'log no']);
  });

  describe('in the native protocol', () => {
    const start = (): { answers: string[]; completed: CompletedRequest[]; responder: Responder } => {
      const [answers, completed]: [string[], CompletedRequest[]] = [[], []];
      const onCompleted = (request: CompletedRequest): unknown => completed.push(request);
      const reply = (bytes: Buffer): boolean => answers.push(bytes.toString()) > 0;
      const responder = new Responder({ listener: 'stdin', protocol: native, decide, onCompleted, reply });
      return { answers, completed, responder };
    };
    const send = (responder: Responder, text: string): boolean[] =>
      responder.decode(Buffer.from(text)).map((frame) => responder.answer(frame));

    it('answers each request as soon as it is decided', async () => {
      const { answers, responder } = start();
      // The longer the name, the later the decision.
      send(responder, 'VERSION\t1\t0\nUSER\t1\taaaaaaaaa\tyes\nUSER\t2\ta\tno\nUSER\t3\taaaa\tbroken\n');
      await responder.end();
      expect(answers).toEqual([
        'VERSION\t1\t0\n',
        'FAIL\t2\treason=unknown-host\ttemp\n',
        'FAIL\t3\treason=internal-error\ttemp\n',
        'OK\t1\n',
      ]);
    });

    it('links every answer to its request, however long each takes and however the bytes are split', async () => {
      const request = fc.record({
        user: fc.stringMatching(/^[a-z]{1,9}$/),
        host: fc.constantFrom('yes', 'no', 'broken'),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(request, { maxLength: 40 }), cuts, async (requests, places) => {
          const { answers, responder } = start();
          const lines = requests.map(({ user, host }, index) => `USER\t${index + 1}\t${user}\t${host}\n`);
          const stream = Buffer.from(`VERSION\t1\t0\n${lines.join('')}`);
          for (const piece of split(stream, places)) send(responder, piece.toString());
          await responder.end();
          const accepted = answers.flatMap((line) => /^OK\t(\d+)\n$/.exec(line)?.[1] ?? []).map(Number);
          const expected = requests.flatMap(({ host }, index) => (host === 'yes' ? index + 1 : []));
          expect(accepted.sort((a, b) => a - b)).toEqual(expected);
          expect(answers).toHaveLength(requests.length + 1);
        }),
        { numRuns: 200 },
      );
    });

    it('answers what came before a line that it does not understand, and sends an error line last', async () => {
      const { answers, completed, responder } = start();
      expect(send(responder, 'VERSION\t1\t0\nUSER\t1\taaaaa\tyes\nUSER\t1\tb\tyes\n')).toEqual([
        true,
        true,
        false,
      ]);
      await responder.end();
      expect(answers.slice(1)).toEqual(['OK\t1\n', expect.stringMatching(/^ERROR\texpected an id .*\n$/)]);
      expect(completed[0]).toMatchObject({
        outcome: 'refused',
        reason: 'malformed-request',
        cause: expect.stringMatching(/^expected an id/) as string,
      });
    });
  });
});
