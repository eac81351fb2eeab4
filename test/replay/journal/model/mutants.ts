import type fc from 'fast-check';
import type { Patch } from './bundle.js';
import { faulty, pausedReading, replacing, withRemovals, type Scenario } from './scenario.js';

const CACHE = 'src/replay/journal/journal-cache.ts';
const DIRECTORY = 'src/replay/journal/cache-directory.ts';
const JOURNAL = 'src/replay/journal/time-step-journal.ts';

/** A fault in the protocol that accepts a token twice. */
export interface Mutant {
  readonly name: string;
  /** The scenarios that find it. */
  readonly scenarios: fc.Arbitrary<Scenario>;
  readonly patches: readonly Patch[];
}

function mutant(
  scenarios: fc.Arbitrary<Scenario>,
  name: string,
  file: string,
  ...changes: readonly (readonly [string, string])[]
): Mutant {
  return { name, scenarios, patches: changes.map(([from, to]) => ({ file, from, to })) };
}

/** The seeded faults. */
export const MUTANTS: readonly Mutant[] = [
  mutant(
    faulty,
    'reads before the write, not after it',
    JOURNAL,
    [
      'const attempt = randomUUID();',
      'const attempt = randomUUID(); this.#read(); const fresh = [...batch.keys()].filter((key) => !this.#known.has(key));',
    ],
    [
      'size === this.#offset + written ? this.#skip(batch.keys(), written) : this.#read(attempt);',
      'new Set(fresh.filter((key) => this.#known.add(key)));',
    ],
  ),
  mutant(faulty, 'takes a short write for a whole one', JOURNAL, [
    'if (written !== bytes) {',
    'if (written < 0) {',
  ]),
  mutant(faulty, 'never reads after a write', JOURNAL, [
    'size === this.#offset + written ?',
    'size !== undefined ?',
  ]),
  mutant(faulty, 'lets any record of its own win', JOURNAL, [
    'const isFirst = line.length === LINE_CHARACTERS && this.#known.add(key);',
    'this.#known.add(key); const isFirst = true;',
  ]),
  mutant(faulty, 'does not check the path after the write', JOURNAL, [
    'sizeAt(this.#path, this.#identity);',
    '0;',
  ]),
  mutant(faulty, 'prunes without a mark', DIRECTORY, [
    'if (!pruned.some((mark) => contains(mark, whole))) makeMark(root, whole, journal);',
    '',
  ]),
  mutant(faulty, 'does not read the marks after it opened a journal', CACHE, [
    'if (this.#isPruned(timeStep, currentTimeStep, journal.isNew)) return undefined;',
    '',
  ]),
  mutant(pausedReading, 'removes a mark at once when it has made a larger one', DIRECTORY, [
    'pruned.filter((other) => contains(other, mark)).length > KEPT_MARKS',
    'marked.ranges.some((other) => contains(other, mark) && !contains(mark, other))',
  ]),
  mutant(replacing, 'removes only the journals that it read before it made the marks', DIRECTORY, [
    'const expired = readEntries(root).timeSteps',
    'const expired = timeSteps',
  ]),
  mutant(
    withRemovals,
    'accepts a new replay cache without marks',
    DIRECTORY,
    ['if (!isFirst) markPruned(', 'if (Number.isNaN(0)) markPruned('],
    ['(name === targetOf(beganOf(root)) || covers(pruned, creationOf(name)));', 'true;'],
  ),
  mutant(withRemovals, 'makes no marks when it finds another replay cache', DIRECTORY, [
    'if (known.name !== undefined && name !== known.name)',
    'if (Number.isNaN(0))',
  ]),
  mutant(withRemovals, 'does not miss a journal', CACHE, [
    'if (!isMissing || !this.#used.has(timeStep)) return false;',
    'if (isMissing || !isMissing) return false;',
  ]),
];

/** Prunes too early. Nothing is accepted twice, because the time steps are marked, but valid tokens are refused. */
export const PRUNES_TOO_EARLY: readonly Patch[] = [
  {
    file: 'src/replay/cache-epoch.ts',
    from: 'RETAINED_TIME_STEPS: number = DEVIATION_STEPS + WINDOW_TIME_STEPS;',
    to: 'RETAINED_TIME_STEPS: number = 0;',
  },
];
