import fc from 'fast-check';

/** What happens to a write. */
export interface WriteFault {
  /** `'visible'`: readers see only some of the bytes at first. `'short'`: only some are written at all. */
  readonly kind: 'none' | 'visible' | 'short';
  /** How many bytes, modulo the length of the text. */
  readonly bytes: number;
}

/** The faults of a run, each in the order of the system calls. Behind the last one, nothing fails. */
export interface Faults {
  readonly writes: readonly WriteFault[];
  /** Whether a system call that creates or renames something fails without an effect. */
  readonly failures: readonly boolean[];
  /** The names that a reading of a directory returns, out of those that are changed meanwhile: a bit for each, in any order. */
  readonly readings: readonly number[];
}

export const NO_FAULTS: Faults = { writes: [], failures: [], readings: [] };
const WHOLE: WriteFault = { kind: 'none', bytes: 0 };

/** Takes one fault after the other, once it is started. */
export class FaultSequence {
  #faults: Faults = NO_FAULTS;
  #writes = 0;
  #calls = 0;
  #readings = 0;

  start(faults: Faults): void {
    this.#faults = faults;
    [this.#writes, this.#calls, this.#readings] = [0, 0, 0];
  }

  nextWrite(): WriteFault {
    return this.#faults.writes[this.#writes++] ?? WHOLE;
  }

  isNextFailing(): boolean {
    return this.#faults.failures[this.#calls++] ?? false;
  }

  nextReading(): number {
    return this.#faults.readings[this.#readings++] ?? 0;
  }
}

const writeFault: fc.Arbitrary<WriteFault> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(WHOLE) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('visible' as const), bytes: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('short' as const), bytes: fc.nat(200) }) },
);
const failure = fc.oneof(
  { weight: 15, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
);

/** Generates faults. */
export const faults: fc.Arbitrary<Faults> = fc.record({
  writes: fc.array(writeFault, { maxLength: 8 }),
  failures: fc.oneof(fc.constant([]), fc.array(failure, { maxLength: 30 })),
  readings: fc.array(fc.nat(15), { maxLength: 40 }),
});
