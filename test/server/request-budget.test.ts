import fc from 'fast-check';
import { setImmediate as settled } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ConnectionShare, RequestBudget } from '../../src/server/request-budget.js';

const EXTRA = 3;

/** A connection that sends some requests one after another, and is answered when the test says so. */
class Connection {
  readonly #share: ConnectionShare;
  unanswered = 0;
  sent = 0;

  constructor(budget: RequestBudget, requests: number) {
    this.#share = new ConnectionShare(budget);
    void this.#send(requests);
  }

  async #send(requests: number): Promise<void> {
    for (; this.sent < requests; this.sent += 1) {
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

describe('RequestBudget', () => {
  it('bounds the unanswered requests, blocks no connection, and loses no place, in any order of events', async () => {
    const steps = fc.array(fc.record({ of: fc.nat(5), is: fc.constantFrom('answer', 'answer', 'close') }), {
      maxLength: 60,
    });
    const requests = fc.array(fc.nat(12), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(requests, steps, async (counts, events) => {
        const budget = new RequestBudget(EXTRA);
        const connections = counts.map((count) => new Connection(budget, count));
        const closed = new Set<Connection>();
        const check = async (): Promise<void> => {
          await settled();
          const unanswered = connections.reduce((sum, connection) => sum + connection.unanswered, 0);
          expect(unanswered).toBeLessThanOrEqual(connections.length + EXTRA);
          for (const [index, connection] of connections.entries()) {
            const isDone = closed.has(connection) || connection.sent === counts[index];
            // Whatever the others do, each connection has a request under way until all are sent.
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
          if (!closed.has(connection)) expect(connection.sent).toBe(counts[index]);
        }
        expect([1, 2, 3, 4].map(() => budget.tryTake())).toEqual([true, true, true, false]);
      }),
      { numRuns: 200 },
    );
  });

  it('gives places to waiting connections in the order in which they started to wait', async () => {
    const budget = new RequestBudget(1);
    const [first, second, third] = [
      new Connection(budget, 2),
      new Connection(budget, 2),
      new Connection(budget, 2),
    ];
    await settled();
    expect([first, second, third].map(({ sent }) => sent)).toEqual([2, 1, 1]);
    first.answer();
    await settled();
    expect([first, second, third].map(({ sent }) => sent)).toEqual([2, 2, 1]);
    second.answer();
    await settled();
    expect([first, second, third].map(({ sent }) => sent)).toEqual([2, 2, 2]);
  });
});
