import { createHash } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DEVIATION_STEPS } from '../credential/otp.js';
import { codeOf } from '../errors.js';
import { countFolder } from './count-folder.js';
import { directoryFault } from './errors.js';
import { readForgotten } from './forgotten-steps.js';
import { isBeforeHorizon } from './horizon.js';
import { FORGOTTEN } from './make-record.js';
import { REMEMBERED_STEPS } from './memory-record.js';
import { pruneFolder } from './prune-folder.js';
import { forget, openRecordFolder, readSteps } from './record-folder.js';
import type { Claim, ReplayRecord, Use } from './replay-record.js';
import { StepFolder } from './step-folder.js';
import { covers, StepRanges } from './step-ranges.js';

/** What a {@link DirectoryRecord} works with. */
export interface DirectoryRecordOptions {
  /** The directory of the record. It is made where it is missing, and what holds it as well. */
  readonly root: string;
  /** @returns when this machine or container started, in milliseconds since the Unix epoch: a crash loses what came before */
  readonly horizon: () => number;
  /** Is told what is wrong in the directory but keeps nobody from being let in, once for each. */
  readonly onTrouble: (message: string) => void;
}

/**
 * The record of used credentials in a directory of a local file system: for any number of processes of one user, and over
 * their restarts and deaths. It holds a directory for each time step, in it an entry for each credential, and what is
 * forgotten (see forgotten-steps.ts). Nothing needs to reach the disk: what a crash of the machine loses is before the horizon.
 *
 * The file system is asked synchronously: that is several times faster than by way of Node's threads, and nothing comes
 * between the steps of a claim.
 */
export class DirectoryRecord implements ReplayRecord {
  readonly #options: DirectoryRecordOptions;
  readonly #forgotten: string;
  /** The name of the record as this process knows it. */
  #record: string | undefined;
  #isOpen = false;
  /** The directories of the steps that were begun, and not forgotten then. */
  readonly #begun = new Map<number, StepFolder>();
  /** All steps of which this process knows that they were ever begun. */
  readonly #used = new StepRanges();
  #currentStep = Number.NaN;
  #isPruning = false;
  #pruning: Promise<void> = Promise.resolve();
  readonly #told = new Set<string>();

  constructor(options: DirectoryRecordOptions) {
    this.#options = options;
    this.#forgotten = join(options.root, FORGOTTEN);
  }

  /** @throws {@link RecordError} where the directory cannot be used; each claim tries again */
  claim(use: Use, currentStep: number): Promise<Claim> {
    return new Promise((resolve) => {
      try {
        resolve(this.#claim(use, currentStep));
      } catch (error) {
        throw directoryFault(this.#options.root, error);
      }
    });
  }

  async forget({ id, step }: Use): Promise<void> {
    await unlink(join(this.#pathOf(step), nameOf(id)));
  }

  /** Counts those of every process. */
  count(): Promise<number> {
    return countFolder(this.#options.root);
  }

  async close(): Promise<void> {
    await this.#pruning;
    this.#leave(() => true);
  }

  #claim({ id, step }: Use, currentStep: number): Claim {
    // Opened first: what is wrong with it is said at once, not when the horizon has passed.
    if (!this.#isOpen) this.#open(currentStep);
    if (isBeforeHorizon(step, this.#options.horizon())) return 'before-horizon';
    if (currentStep !== this.#currentStep) this.#pruneSoon(currentStep);
    const folder = this.#begun.get(step) ?? this.#begin(step, currentStep);
    if (folder === undefined) return 'before-horizon';
    const entry = folder.enter(nameOf(id));
    if (entry === 'exists') return 'replayed';
    // Asked after the entry: what was moved away before is not the record any more, and the entry is nowhere.
    if (entry === 'entered' && folder.isInPlace()) return 'claimed';
    this.#leave((other) => other === step);
    this.#isForgotten(step, currentStep, true);
    return 'before-horizon';
  }

  #open(currentStep: number): void {
    const { root } = this.#options;
    this.#isOpen = false;
    this.#leave(() => true);
    const known = { record: this.#record, used: this.#used.ranges, present: currentStep };
    this.#record = openRecordFolder(root, known);
    for (const { from, to } of readSteps(root)) this.#used.add(from, to);
    this.#used.simplify(currentStep);
    this.#isOpen = true;
  }

  /**
   * @returns the directory of a step, or `undefined` where that is forgotten. As that is asked after the directory was opened,
   *   all of its entries are there, as long as it is in its place.
   */
  #begin(step: number, currentStep: number): StepFolder | undefined {
    // The record that this process knew may have been removed while it was idle.
    if (readForgotten(this.#forgotten).record !== this.#record) this.#open(currentStep);
    // Nothing is made for a step that is refused anyway.
    if (this.#isForgotten(step, currentStep, false)) return undefined;
    const folder = new StepFolder(this.#pathOf(step));
    try {
      if (this.#isForgotten(step, currentStep, folder.isNew)) return undefined;
      this.#begun.set(step, folder);
    } finally {
      if (this.#begun.get(step) !== folder) folder.close();
    }
    this.#used.add(step);
    this.#used.simplify(currentStep);
    return folder;
  }

  /**
   * @param isMissing whether the directory of the step was missing. One that was begun once and is neither there nor forgotten
   *   was removed: it is forgotten from now on.
   */
  #isForgotten(step: number, currentStep: number, isMissing: boolean): boolean {
    // Twice: on btrfs a name that is changed while it is read can be missing from what is read.
    const readings = [readForgotten(this.#forgotten), readForgotten(this.#forgotten)];
    if (readings.some(({ record }) => record !== this.#record)) {
      // The record that this process knew is gone.
      this.#open(currentStep);
      return true;
    }
    if (readings.some(({ ranges }) => covers(ranges, step))) return true;
    if (!isMissing || !this.#used.has(step)) return false;
    forget(this.#options.root, [{ from: step, to: step }]);
    return true;
  }

  #pathOf(step: number): string {
    return join(this.#options.root, String(step));
  }

  /** Lets go of the directories of some steps. */
  #leave(isLeft: (step: number) => boolean): void {
    for (const [step, folder] of this.#begun) {
      if (!isLeft(step)) continue;
      this.#begun.delete(step);
      folder.close();
    }
  }

  #pruneSoon(currentStep: number): void {
    this.#currentStep = currentStep;
    const oldest = currentStep - REMEMBERED_STEPS;
    this.#leave((step) => step < oldest || step > currentStep + DEVIATION_STEPS);
    if (this.#isPruning) return;
    this.#isPruning = true;
    this.#pruning = this.#prune(oldest, currentStep).finally(() => (this.#isPruning = false));
  }

  async #prune(oldest: number, present: number): Promise<void> {
    const { root } = this.#options;
    const onForeign = (path: string): void => {
      const message = `${path}: this is not of the record of used tokens, and is left alone: remove it`;
      // Its directory gets another name now and then.
      this.#tell(message, basename(path));
    };
    const onFault = (path: string, error: unknown): void => {
      // Where the record was removed meanwhile there is nothing left to do; the next claim says so.
      if (codeOf(error) === 'ENOENT') return;
      this.#tell(
        `not everything of finished steps is removed: ${directoryFault(path, error).message}`,
        String(codeOf(error)),
      );
    };
    try {
      // After the answer that is due.
      await new Promise(setImmediate);
      await pruneFolder({ root, oldest, present, onForeign, onFault });
    } catch (error) {
      onFault(root, error);
    }
  }

  #tell(message: string, subject = message): void {
    if (this.#told.has(subject)) return;
    this.#told.add(subject);
    this.#options.onTrouble(message);
  }
}

/** Whoever has the secret could tell a token from its signature; nobody can from the hash of it. */
function nameOf(id: string): string {
  return createHash('sha256').update(id, 'latin1').digest('base64url');
}
