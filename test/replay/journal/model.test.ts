import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundle, type Program } from './model/bundle.js';
import { PRUNES_TOO_EARLY, MUTANTS } from './model/mutants.js';
import { acceptedTwice, Run } from './model/run.js';
import {
  faulty,
  pausedReading,
  pruning,
  replacing,
  sane,
  withRemovals,
  type Scenario,
} from './model/scenario.js';

/*
 * Explores the order of the system calls of three processes that run the production code on a simulated file system. Each mutant, which
 * lacks one part of the protocol, shows that the scenarios find what they have to find.
 */

/** How many scenarios find each mutant. The seed is fixed, so that none is found or missed by chance. */
const MUTANT_RUNS = { numRuns: 4000, seed: 1, endOnFailure: true };

/** Holds if no token is accepted twice. */
function isSafe(program: Program, scenarios: fc.Arbitrary<Scenario>): fc.IAsyncProperty<[Scenario]> {
  return fc.asyncProperty(scenarios, async (scenario) => {
    const run = await new Run(program, scenario).complete();
    expect(acceptedTwice(run), run.events.join('\n')).toEqual([]);
  });
}

/** Holds if each token is accepted once. */
function isLive(program: Program): fc.IAsyncProperty<[Scenario]> {
  return fc.asyncProperty(sane, async (scenario) => {
    const { offered, acceptances, events } = await new Run(program, scenario).complete();
    const accepted = acceptances.map(({ token }) => token).filter((token) => offered.has(token));
    expect(accepted.sort(), events.join('\n')).toEqual([...offered].sort());
  });
}

describe('the protocol of the replay cache', () => {
  it.each<[string, fc.Arbitrary<Scenario>, number]>([
    ['clocks, crashes and faults', faulty, 6000],
    ['processes that prune', pruning, 1000],
    ['processes that prune while another reads the marks', pausedReading, 2000],
    ['removals that each process notices', withRemovals, 5000],
    ['processes that replace a replay cache', replacing, 1000],
  ])('accepts no token twice with any order of system calls and any %s', async (_, scenarios, numRuns) => {
    await fc.assert(isSafe(await bundle(), scenarios), { numRuns });
  });

  it('accepts each token once if nothing fails', async () => {
    await fc.assert(isLive(await bundle()), { numRuns: 1000 });
  });
});

describe('the model', () => {
  it.each(MUTANTS)('finds a process that $name', async ({ patches, scenarios }) => {
    const { failed } = await fc.check(isSafe(await bundle(patches), scenarios), MUTANT_RUNS);
    expect(failed).toBe(true);
  });

  it('finds a process that prunes too early', async () => {
    const { failed } = await fc.check(isLive(await bundle(PRUNES_TOO_EARLY)), MUTANT_RUNS);
    expect(failed).toBe(true);
  });
});
