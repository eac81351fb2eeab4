import fc from 'fast-check';
import { tokenUse } from '../../../support/token-use.js';
import { faults, NO_FAULTS, type Faults } from './faults.js';
import type { Act } from './process.js';

/** A part of a schedule: one process makes some system calls. */
export interface Slice {
  readonly process: number;
  /** At most until the end of its present act. */
  readonly calls: number;
  /** Whether the process crashes behind the last of them. */
  readonly isCrash: boolean;
  /** What somebody does to the files then. */
  readonly removal?: Removal;
}

/** What somebody does to the files of the replay cache. */
export type Removal =
  'remove' | 'remove-and-restart' | 'move-away' | 'put-back' | 'remove-name' | 'remove-journal';

/** What is explored in one run. */
export interface Scenario {
  /** Whether each process has used the replay cache before. */
  readonly isWarm: boolean;
  /** The acts of each process, in order. */
  readonly acts: readonly (readonly Act[])[];
  /** Behind the last slice, one process after the other completes its acts. */
  readonly slices: readonly Slice[];
  readonly faults: Faults;
}

/**
 * The time steps of the present: the second prunes nothing of the first, the third its earliest tokens, the fourth all. A clock may go
 * from each to each.
 */
export const CLOCKS: readonly number[] = [10, 11, 15, 17];

function actsAt(clocks: readonly number[], names: readonly string[]): fc.Arbitrary<Act[]> {
  const token = fc.record({ name: fc.constantFrom(...names), deviation: fc.integer({ min: -1, max: 1 }) });
  const act = fc.record({
    clock: fc.constantFrom(...clocks),
    tokens: fc.oneof(
      { weight: 3, arbitrary: fc.array(token, { minLength: 1, maxLength: 1 }) },
      { weight: 1, arbitrary: fc.array(token, { minLength: 2, maxLength: 2 }) },
    ),
  });
  return fc.array(
    act.map(({ clock, tokens }) => ({
      clock,
      tokens: tokens.map(({ name, deviation }) => made(name, clock + deviation)),
    })),
    { minLength: 1, maxLength: 4 },
  );
}

const made = (name: string, timeStep: number): Act['tokens'][number] =>
  tokenUse(`${name} of ${timeStep}`, timeStep);

const PROCESSES = 3;
/** Short enough to stop between any two system calls, or long enough to complete the act. */
const calls = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 60 }), fc.constant(1000));

function slicesWith(extra: {
  isCrash: fc.Arbitrary<boolean>;
  removal?: fc.Arbitrary<Removal | undefined>;
}): fc.Arbitrary<Slice[]> {
  const removal = extra.removal ?? fc.constant(undefined);
  return fc.array(
    fc
      .record({ process: fc.nat(PROCESSES - 1), calls, isCrash: extra.isCrash, removal })
      .map(({ removal: change, ...slice }) => (change === undefined ? slice : { ...slice, removal: change })),
    { maxLength: 20 },
  );
}

function scenarioWith(
  acts: fc.Arbitrary<Act[]>,
  slices: fc.Arbitrary<Slice[]>,
  injected: fc.Arbitrary<Faults>,
): fc.Arbitrary<Scenario> {
  return fc.record({
    isWarm: fc.boolean(),
    acts: fc.tuple(acts, acts, acts),
    slices,
    faults: injected,
  });
}

const mostly = fc.oneof(
  { weight: 9, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
);

/** Any clocks, crashes and faults. */
export const faulty: fc.Arbitrary<Scenario> = scenarioWith(
  actsAt(CLOCKS, ['a', 'b']),
  slicesWith({ isCrash: mostly }),
  faults,
);

/** Nothing fails, and the clock is right. */
export const sane: fc.Arbitrary<Scenario> = scenarioWith(
  actsAt([10, 11], ['a', 'b']),
  slicesWith({ isCrash: fc.constant(false) }),
  fc.constant(NO_FAULTS),
);

/** Somebody also removes or moves files. */
export const withRemovals: fc.Arbitrary<Scenario> = scenarioWith(
  actsAt(CLOCKS, ['a', 'b']),
  slicesWith({
    isCrash: mostly,
    removal: fc.option(
      fc.constantFrom<Removal[]>(
        'remove',
        'remove-and-restart',
        'move-away',
        'put-back',
        'remove-name',
        'remove-journal',
      ),
      { nil: undefined, freq: 4 },
    ),
  }),
  faults,
);

const near = fc.integer({ min: 1, max: 16 });
const far = fc.integer({ min: 1, max: 60 });

/**
 * A process uses a time step while two others prune it: a search by chance would rarely find three processes at the right places.
 * Each number of system calls is any.
 */
export const pruning: fc.Arbitrary<Scenario> = fc
  .record({
    calls: fc.tuple(near, near, far, far, far, far),
    faults,
  })
  .map(({ calls: [late, again, first, more, second, last], faults: injected }) => ({
    isWarm: true,
    acts: [[actOf(10, 9, 11), actOf(15, 15), actOf(17, 17)], [actOf(10, 9)], [actOf(17, 16)]],
    slices: [
      sliceOf(0, 1000),
      sliceOf(1, late),
      sliceOf(0, 1000),
      sliceOf(1, again),
      sliceOf(2, first),
      sliceOf(1, more),
      sliceOf(0, second),
      sliceOf(1, last),
    ],
    faults: { ...injected, writes: [], failures: [] },
  }));

/** A process pauses while it reads the marks, and two others prune meanwhile. Each number of system calls is any. */
export const pausedReading: fc.Arbitrary<Scenario> = fc
  .tuple(fc.integer({ min: 1, max: 24 }), near, fc.integer({ min: 20, max: 60 }), near, calls)
  .map(([late, again, first, more, second]) => ({
    isWarm: true,
    acts: [[actOf(10, 9, 11), actOf(11, 12), actOf(15, 15), actOf(17, 17)], [actOf(10, 9)], [actOf(16, 16)]],
    slices: [
      sliceOf(0, 1000),
      sliceOf(0, 1000),
      sliceOf(1, late),
      sliceOf(0, 1000),
      sliceOf(1, again),
      sliceOf(2, first),
      sliceOf(1, more),
      sliceOf(0, second),
      sliceOf(1, 1000),
    ],
    faults: NO_FAULTS,
  }));

/** A process creates a new replay cache and uses it, while another marks time steps that only it knows. */
export const replacing: fc.Arbitrary<Scenario> = fc
  .tuple(far, far, faults)
  .map(([first, second, injected]) => ({
    isWarm: true,
    acts: [
      [actOf(11, 12), { clock: 11, tokens: [made('b', 12)] }],
      [{ clock: 11, tokens: [made('b', 12)] }],
      [],
    ],
    slices: [
      { ...sliceOf(1, 1000), removal: 'remove' as const },
      sliceOf(0, 1000),
      sliceOf(2, 1000),
      sliceOf(1, first),
      sliceOf(0, second),
      sliceOf(1, 1000),
      sliceOf(0, 1000),
      sliceOf(0, 1000),
    ],
    faults: { ...injected, writes: [], failures: [] },
  }));

function actOf(clock: number, ...timeSteps: readonly number[]): Act {
  return { clock, tokens: timeSteps.map((timeStep) => made('a', timeStep)) };
}

function sliceOf(process: number, count: number): Slice {
  return { process, calls: count, isCrash: false };
}
