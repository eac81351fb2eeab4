import type { ConsumeResult, TokenUse } from '../../../../src/replay/replay-cache.js';
import { tokenUse } from '../../../support/token-use.js';
import type { Program } from './bundle.js';
import { FaultSequence } from './faults.js';
import { SimulatedFileSystem } from './file-system.js';
import { SimulatedProcess, type Act } from './process.js';
import { change } from './removals.js';
import { CLOCKS, type Removal, type Scenario, type Slice } from './scenario.js';

/** A process, and what the model needs to know about it. */
interface Participant {
  process: SimulatedProcess;
  /** How many of its acts in the scenario it has started. */
  started: number;
  /** The time steps that this instance has used. */
  used: Set<number>;
  /** What it has to do before any process goes on: it notices a removal by that. */
  touch: Act | undefined;
  /** When its present act began. */
  begin: Instant;
}

/** When an act began or ended. */
interface Instant {
  /** How many removals there had been. */
  readonly removals: number;
  /** Whether some process had not noticed the last one. */
  readonly isEarly: boolean;
}

interface Acceptance {
  readonly token: string;
  readonly begin: Instant;
  readonly end: Instant;
}

const WARM_UP: Act = { clock: CLOCKS[0] ?? 0, tokens: [tokenUse('made up', CLOCKS[0] ?? 0)] };

/** Three processes, the files that they share, and what they have accepted. */
export class Run {
  readonly acceptances: Acceptance[] = [];
  /** The tokens that any process tried to consume. */
  readonly offered: Set<string> = new Set<string>();
  /** For the reader of a failure. */
  readonly events: string[] = [];
  readonly #program: Program;
  readonly #scenario: Scenario;
  readonly #files: SimulatedFileSystem;
  readonly #faults = new FaultSequence();
  #participants: readonly Participant[] = [];
  #instances = 0;
  #touches = 0;
  #removals = 0;

  constructor(program: Program, scenario: Scenario) {
    this.#program = program;
    this.#scenario = scenario;
    this.#files = new SimulatedFileSystem(() =>
      this.#participants.flatMap(({ process }) => [...process.openFiles.values()]),
    );
    this.#files.makeDirectory('/state');
    this.#participants = scenario.acts.map(() => ({
      ...this.#create(),
      started: 0,
      touch: undefined,
      begin: { removals: 0, isEarly: false },
    }));
  }

  async complete(): Promise<this> {
    const { isWarm, slices, faults } = this.#scenario;
    for (const participant of this.#participants) {
      if (!isWarm) break;
      participant.process.start(WARM_UP);
      await participant.process.run(Number.POSITIVE_INFINITY);
    }
    this.#faults.start(faults);
    for (const slice of slices) await this.#runSlice(slice);
    // More than once: one can be blocked by a later one.
    for (let round = 0; round < 3; round += 1) {
      for (const participant of this.#participants) await this.#finish(participant);
    }
    return this;
  }

  async #runSlice({ process: index, calls, isCrash, removal }: Slice): Promise<void> {
    const participant = this.#participants[index];
    if (participant === undefined) return;
    if (this.#begin(participant)) await participant.process.run(calls);
    if (removal !== undefined) this.#remove(removal);
    // Until it has noticed a removal, its knowledge is needed.
    if (isCrash && participant.touch === undefined) this.#restart(participant);
  }

  /** Begins the next act of a process if it has completed one. Returns whether there is anything to do. */
  #begin(participant: Participant): boolean {
    if (!participant.process.isIdle) return true;
    const act = this.#nextAct(participant);
    if (act !== undefined) participant.process.start(act);
    return act !== undefined;
  }

  /** Completes the acts of a process. A touch that fails is tried only once. */
  async #finish(participant: Participant): Promise<void> {
    let failed: Act | undefined;
    while (this.#begin(participant)) {
      await participant.process.run(Number.POSITIVE_INFINITY);
      if (!participant.process.isIdle || (participant.touch !== undefined && participant.touch === failed))
        return;
      failed = participant.touch;
    }
  }

  #nextAct(participant: Participant): Act | undefined {
    participant.begin = this.#now();
    if (participant.touch !== undefined) return participant.touch;
    const act = this.#scenario.acts[this.#participants.indexOf(participant)]?.[participant.started];
    participant.started += 1;
    for (const token of act?.tokens ?? []) this.offered.add(nameOf(token));
    return act;
  }

  #now(): Instant {
    const isEarly = this.#participants.some(({ touch }) => touch !== undefined);
    return { removals: this.#removals, isEarly };
  }

  /** Removes something that all processes know. From then on, they notice that by their next act. */
  #remove(removal: Removal): void {
    if (this.#participants.some(({ used, touch }) => used.size === 0 || touch !== undefined)) return;
    const [first] = this.#participants;
    const timeStep = [...(first?.used ?? [])].find((step) =>
      this.#participants.every(({ used }) => used.has(step)),
    );
    if (!change(this.#files, removal, timeStep)) return;
    this.#removals += 1;
    this.events.push(`${removal} (journal of ${String(timeStep)})`);
    const isRestart = removal === 'remove-and-restart';
    // A new process knows what was used until now, but not what was used by a clock that was ahead.
    const known = isRestart ? Math.max(...CLOCKS) : CLOCKS[0];
    const clock = removal === 'remove-journal' ? timeStep : known;
    for (const participant of this.#participants) {
      if (isRestart) this.#restart(participant);
      this.#touches += 1;
      participant.touch = { clock: clock ?? 0, tokens: [tokenUse(`touch ${this.#touches}`, clock ?? 0)] };
    }
  }

  #restart(participant: Participant): void {
    participant.process.crash();
    Object.assign(participant, this.#create());
  }

  #create(): { process: SimulatedProcess; used: Set<number> } {
    this.#instances += 1;
    const used = new Set<number>();
    const process: SimulatedProcess = new SimulatedProcess(
      `${this.#instances}.`,
      this.#program,
      this.#files,
      this.#faults,
      (token, result) => {
        this.#onReply(process, token, result);
      },
    );
    return { process, used };
  }

  #onReply(process: SimulatedProcess, token: TokenUse, result: ConsumeResult): void {
    const participant = this.#participants.find((other) => other.process === process);
    this.events.push(
      `${participant?.begin.isEarly === true ? 'early ' : ''}process ${process.identifier} ${nameOf(token)} ${result}`,
    );
    if (participant === undefined || result === 'replay-cache-unavailable') return;
    const end = this.#now();
    if (participant.touch?.tokens.includes(token) === true) participant.touch = undefined;
    if (result !== 'replay-unknown') participant.used.add(token.timeStep);
    if (result === 'consumed') this.acceptances.push({ token: nameOf(token), begin: participant.begin, end });
  }
}

/** Returns the tokens that were accepted more than once. */
export function acceptedTwice({ acceptances }: Run): string[] {
  const isTwice = (acceptance: Acceptance, index: number): boolean =>
    acceptances
      .slice(0, index)
      .some((other) => other.token === acceptance.token && !isLimit(acceptance, other));
  return acceptances.filter(isTwice).map(({ token }) => token);
}

/** Returns whether a removal was between two acceptances, and the later one was before all processes had noticed it. */
function isLimit(one: Acceptance, other: Acceptance): boolean {
  return (['begin', 'end'] as const).some((instant) => {
    const [before, after] = one[instant].removals < other[instant].removals ? [one, other] : [other, one];
    return before[instant].removals < after[instant].removals && after[instant].isEarly;
  });
}

function nameOf({ id, timeStep }: TokenUse): string {
  return `${Buffer.from(id, 'latin1').toString('hex', 0, 2)} of ${timeStep}`;
}
