import fc from 'fast-check';
import { setImmediate as settled } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ConnectionShare } from '../../src/server/connection-share.js';
import { RequestBudget } from '../../src/server/request-budget.js';

const EXTRA = 3;

/** A connection that has some requests to ask, in turn, and answers that come when the test says so. */
class Connection {
  readonly #share: ConnectionShare;
  unanswered = 0;
  asked = 0;

  constructor(budget: RequestBudget, requests: number) {
    this.#share = new ConnectionShare(budget);
    void this.#ask(requests);
  }

  async #ask(requests: number): Promise<void> {
    for (; this.asked < requests; this.asked += 1) {
      if (!this.#share.tryAdmit() && !(await this.#share.admission())) return;
      this.unanswered += 1;
    }
  }

  answer(): void {
    if (this.unanswered === 0) return;
    this.unanswered -= 1;
    this.#share.answered();
  }

  close(): void {
    this.#share.close();
  }
}

describe('the budget of requests', () => {
  it('bounds what waits, lets every connection go on, and loses no place, whatever comes in whichever order', async () => {
    const timeSteps = fc.array(
      fc.record({ of: fc.nat(5), is: fc.constantFrom('answer', 'answer', 'close') }),
      {
        maxLength: 60,
      },
    );
    const requests = fc.array(fc.nat(12), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(requests, timeSteps, async (counts, events) => {
        const budget = new RequestBudget(EXTRA);
        const connections = counts.map((count) => new Connection(budget, count));
        const closed = new Set<Connection>();
        const check = async (): Promise<void> => {
          await settled();
          const unanswered = connections.reduce((sum, connection) => sum + connection.unanswered, 0);
          expect(unanswered).toBeLessThanOrEqual(connections.length + EXTRA);
          for (const [index, connection] of connections.entries()) {
            const isDone = closed.has(connection) || connection.asked === counts[index];
            // Whatever the others do, each has a request under way as long as it has one to ask.
            if (!isDone) expect(connection.unanswered).toBeGreaterThan(0);
          }
        };
        await check();
        for (const { of, is } of events) {
          const connection = connections[of % connections.length];
          if (connection === undefined) continue;
          connection[is]();
          if (is === 'close') closed.add(connection);
          await check();
        }
        while (connections.some(({ unanswered }) => unanswered > 0)) {
          for (const connection of connections) connection.answer();
          await check();
        }
        for (const [index, connection] of connections.entries()) {
          if (!closed.has(connection)) expect(connection.asked).toBe(counts[index]);
        }
        expect(budget.free).toBe(EXTRA);
      }),
      { numRuns: 200 },
    );
  });

  it('gives places to those who wait in the order in which they came', async () => {
    const budget = new RequestBudget(1);
    const [first, second, third] = [
      new Connection(budget, 2),
      new Connection(budget, 2),
      new Connection(budget, 2),
    ];
    await settled();
    expect([first, second, third].map(({ asked }) => asked)).toEqual([2, 1, 1]);
    first.answer();
    await settled();
    expect([first, second, third].map(({ asked }) => asked)).toEqual([2, 2, 1]);
    second.answer();
    await settled();
    expect([first, second, third].map(({ asked }) => asked)).toEqual([2, 2, 2]);
  });
});
