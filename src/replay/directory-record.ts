import { createHash } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DEVIATION_STEPS } from '../credential/otp.js';
import { codeOf } from '../errors.js';
import { directoryFault } from './errors.js';
import { forget, makeDirectory, readForgotten } from './forgotten-steps.js';
import { isBeforeHorizon } from './horizon.js';
import { REMEMBERED_STEPS } from './memory-record.js';
import { pruneFolder } from './prune-folder.js';
import { assertOwnDirectory, FORGOTTEN, openRecordFolder, readSteps } from './record-folder.js';
import type { Claim, ReplayRecord, Use } from './replay-record.js';
import { covers, StepRanges, type Range } from './step-ranges.js';

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

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
 * their restarts and deaths. It holds a directory for each time step, in it an empty file for each credential, and what is
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
  /** The steps whose directories were there. */
  readonly #begun = new Set<number>();
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
    await unlink(this.#fileOf(id, step));
  }

  close(): Promise<void> {
    return this.#pruning;
  }

  #claim({ id, step }: Use, currentStep: number): Claim {
    if (isBeforeHorizon(step, this.#options.horizon())) return 'before-horizon';
    if (!this.#isOpen) this.#open(currentStep);
    if (currentStep !== this.#currentStep) this.#pruneSoon(currentStep);
    if (!this.#begun.has(step)) {
      if (this.#isForgotten(step, currentStep)) return 'before-horizon';
      this.#begin(step, currentStep);
    }
    const entered = this.#enter(id, step);
    if (entered === 'replayed') return entered;
    // Asked once more, after the entry: the step may have been forgotten before that, and the entry with it.
    if (this.#isForgotten(step, currentStep)) return 'before-horizon';
    if (entered === 'claimed') return entered;
    // Its directory was there, and somebody has removed it.
    forget(this.#forgotten, { from: step, to: step });
    return 'before-horizon';
  }

  #open(currentStep: number): void {
    this.#isOpen = false;
    this.#begun.clear();
    this.#record = openRecordFolder(this.#options.root, this.#lost(currentStep), this.#record);
    for (const { from, to } of readSteps(this.#options.root)) this.#used.add(from, to);
    this.#used.simplify(currentStep);
    this.#isOpen = true;
  }

  /** What a record that has just been made anew knows nothing of: all until now, and what a clock that was ahead has brought. */
  #lost(currentStep: number): readonly Range[] {
    const lost = new StepRanges();
    for (const { from, to } of this.#used.ranges) lost.add(from, to);
    lost.add(0, currentStep + DEVIATION_STEPS);
    return lost.ranges;
  }

  #isForgotten(step: number, currentStep: number): boolean {
    const { record, ranges } = readForgotten(this.#forgotten);
    if (record === this.#record) return covers(ranges, step);
    // The record that this process knew is gone.
    this.#open(currentStep);
    return true;
  }

  #begin(step: number, currentStep: number): void {
    const folder = join(this.#options.root, String(step));
    if (!makeDirectory(folder)) assertOwnDirectory(folder);
    this.#begun.add(step);
    this.#used.add(step);
    this.#used.simplify(currentStep);
  }

  /** @returns what came of it; `undefined` where the step's directory is gone */
  #enter(id: string, step: number): 'claimed' | 'replayed' | undefined {
    try {
      closeSync(openSync(this.#fileOf(id, step), NEW_FILE, 0o600));
      return 'claimed';
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return 'replayed';
      if (codeOf(error) !== 'ENOENT') throw error;
      this.#begun.delete(step);
      return undefined;
    }
  }

  /** Whoever has the secret could tell a token from its signature; nobody can from the hash of it. */
  #fileOf(id: string, step: number): string {
    const name = createHash('sha256').update(id, 'latin1').digest('base64url');
    return join(this.#options.root, String(step), name);
  }

  #pruneSoon(currentStep: number): void {
    this.#currentStep = currentStep;
    const oldest = currentStep - REMEMBERED_STEPS;
    for (const step of this.#begun) if (step < oldest) this.#begun.delete(step);
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
    try {
      // After the answer that is due.
      await new Promise(setImmediate);
      await pruneFolder({ root, oldest, present, onForeign });
    } catch (error) {
      this.#tell(`finished steps are not removed: ${directoryFault(root, error).message}`);
    }
  }

  #tell(message: string, subject = message): void {
    if (this.#told.has(subject)) return;
    this.#told.add(subject);
    this.#options.onTrouble(message);
  }
}
