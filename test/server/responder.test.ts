import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/authenticator/authenticator.js';
import { lines } from '../../src/protocol/lines.js';
import type { Request } from '../../src/protocol/request.js';
import { Responder, type Observer, type Reply } from '../../src/server/responder.js';
import { cuts, split } from '../support/chunks.js';

const silent: Observer = {
  decided: () => undefined,
  failed: () => undefined,
  unanswered: () => undefined,
  incomplete: () => undefined,
};
const accepted: Decision = { accepted: true, context: { jid: 'a@b' } };
const refused: Decision = { accepted: false, reason: 'unknown-host', context: {} };

/** Accepts `yes`, throws at `broken`, and takes as many turns of the event loop as the user's name is long. */
async function decide(request: Request): Promise<Decision> {
  if (!('user' in request)) return refused;
  for (let turns = request.user.length; turns > 0; turns -= 1) await Promise.resolve();
  if (request.host === 'broken') throw new Error('the store is gone');
  return request.host === 'yes' ? accepted : refused;
}

function replyTo(answers: string[]): Reply {
  return {
    send: (answer) => {
      answers.push(answer.toString());
      return true;
    },
  };
}

describe('Responder', () => {
  it('answers every request once and in order, however long each takes and however the bytes are cut', async () => {
    const request = fc.record({
      user: fc.stringMatching(/^[a-z]{1,9}$/),
      host: fc.constantFrom('yes', 'no', 'broken'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 40 }), cuts, async (requests, places) => {
        const answers: string[] = [];
        const responder = new Responder({
          framing: lines,
          decide,
          observer: silent,
          reply: replyTo(answers),
        });
        const stream = Buffer.from(requests.map(({ user, host }) => `isuser:${user}:${host}\n`).join(''));
        for (const piece of split(stream, places)) responder.receive(piece);
        await responder.answered;
        expect(answers).toEqual(requests.map(({ host }) => (host === 'yes' ? '1\n' : '0\n')));
        expect(responder.unanswered).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('tells its observer of every decision and every failure', async () => {
    const events: string[] = [];
    const observer: Observer = {
      decided: (request, decision) => events.push(`${request.operation} ${decision.accepted ? 'yes' : 'no'}`),
      failed: (request, error) => events.push(`${request.operation} ${String(error)}`),
      unanswered: () => undefined,
      incomplete: () => undefined,
    };
    const responder = new Responder({ framing: lines, decide, observer, reply: replyTo([]) });
    responder.receive(Buffer.from('isuser:a:yes\nisuser:a:broken\nx\n'));
    await responder.answered;
    expect(events.sort()).toEqual(['isuser Error: the store is gone', 'isuser yes', 'malformed no']);
  });
});
