import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatedServer, type Disturbances } from './simulated-server.js';
import type { Mutation } from './simulated-terminal.js';

const STEPS = 400;
const CALM_STEPS = 400;
const RUNS = 400;
/** Most faults are found within a hundred. */
const MANY_RUNS = 10_000;

/** Runs one simulation: first with all that can go wrong, then in calm. */
function run(choices: readonly number[], disturbances: Disturbances, mutation?: Mutation): SimulatedServer {
  const server = new SimulatedServer(chooser(choices), disturbances, mutation);
  for (let timeStep = 0; timeStep < STEPS; timeStep += 1) server.timeStep();
  server.isDisturbed = false;
  server.continue();
  for (const terminal of server.terminals) terminal.isExcused ||= terminal.hasAnswerUnderWay;
  for (let timeStep = 0; timeStep < CALM_STEPS; timeStep += 1) server.timeStep();
  return server;
}

/** @returns a function that chooses a number below a bound, over and over again from a few numbers that fast-check chose */
function chooser(choices: readonly number[]): (bound: number) => number {
  let [count, state] = [0, 1];
  return (bound) => {
    state = (Math.imul(state, 1_103_515_245) + (choices[count % choices.length] ?? 0) + 12_345) >>> 0;
    count += 1;
    return (state >>> 8) % bound;
  };
}

/** @returns what led to a wrong result, or nothing if there is none; and how many results were right */
function simulate(
  disturbances: Disturbances,
  numRuns: number,
  mutation?: Mutation,
): { fault: readonly string[]; right: number } {
  let fault: readonly string[] = [];
  let total = 0;
  const property = fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 100 }), (choices) => {
    const { wrong, wrongInCalm, right } = run(choices, disturbances, mutation);
    total += right;
    if (wrong.length > 0) fault = wrong;
    else if (wrongInCalm > 0) fault = [`${wrongInCalm} wrong in calm`];
    return fault.length === 0;
  });
  fc.check(property, { numRuns, endOnFailure: true });
  return { fault, right: total };
}

const SEEN = { signals: true, isHidden: false };
const HIDDEN = { signals: false, isHidden: true };

let reads = 0;
const mutations: readonly [title: string, disturbances: Disturbances, mutation: Mutation][] = [
  ['each line is a request of its own', SEEN, { splitsLines: true }],
  ['input is not read before the answer', SEEN, { port: () => ({ read: () => Buffer.alloc(0) }) }],
  ['nobody looks whether the server waits', SEEN, { port: () => ({ look: () => 'waiting' }) }],
  [
    'nobody looks whether the server has written meanwhile',
    SEEN,
    { port: ({ traffic }) => ({ traffic: () => ({ read: traffic().read, written: 0 }) }) },
  ],
  [
    'answers that the server has left are not spoiled',
    SEEN,
    { port: ({ traffic }) => ({ traffic: () => ({ read: (reads += 1), written: traffic().written }) }) },
  ],
  ['a hidden server is answered however late', HIDDEN, { answerWithin: Number.POSITIVE_INFINITY }],
];

describe('a simulated server with two terminals', { timeout: 60_000 }, () => {
  it('gets no wrong result outside the residual window', () => {
    const { fault, right } = simulate(SEEN, RUNS);
    expect(fault).toEqual([]);
    expect(right).toBeGreaterThan(10 * RUNS);
  });

  it('gets none without signals where it cannot be seen', () => {
    const { fault, right } = simulate(HIDDEN, RUNS);
    expect(fault).toEqual([]);
    expect(right).toBeGreaterThan(10 * RUNS);
  });

  it.each(mutations)('gets one if %s', (_, disturbances, mutation) => {
    expect(simulate(disturbances, MANY_RUNS, mutation).fault).not.toEqual([]);
  });
});
