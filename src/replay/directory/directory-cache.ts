import { createHash } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DEVIATION_STEPS } from '../../credential/otp.js';
import { codeOf } from '../../errors.js';
import { countDirectory } from './count-directory.js';
import { directoryFault } from '../errors.js';
import { readForgotten } from './pruned-steps.js';
import { isBeforeEpoch } from '../cache-epoch.js';
import { FORGOTTEN } from './make-cache.js';
import { RETAINED_TIME_STEPS } from '../memory/memory-cache.js';
import { pruneDirectory } from './prune-directory.js';
import { release, openCacheDirectory, readSteps } from './cache-directory.js';
import type { ConsumeResult, ReplayCache, TokenUse } from '../replay-cache.js';
import { StepDirectory } from './step-directory.js';
import { covers, StepRanges } from './step-ranges.js';

/** What a {@link DirectoryReplayCache} works with. */
export interface DirectoryReplayCacheOptions {
  /** The directory of the record. It is made where it is missing, and what holds it as well. */
  readonly root: string;
  /** @returns when this machine or container started, in milliseconds since the Unix epoch: a crash loses what came before */
  readonly cacheEpoch: () => number;
  /** Is told what is wrong in the directory but keeps nobody from being let in, once for each. */
  readonly onWarning: (message: string) => void;
}

/**
 * The record of used credentials in a directory of a local file system: for any number of processes of one user, and over
 * their restarts and deaths. It holds a directory for each time step, in it an entry for each credential, and what is
 * forgotten (see forgotten-steps.ts). Nothing needs to reach the disk: what a crash of the machine loses is before the horizon.
 *
 * The file system is asked synchronously: that is several times faster than by way of Node's threads, and nothing comes
 * between the steps of a claim.
 */
export class DirectoryReplayCache implements ReplayCache {
  readonly #options: DirectoryReplayCacheOptions;
  readonly #forgotten: string;
  /** The name of the record as this process knows it. */
  #record: string | undefined;
  #isOpen = false;
  /** The directories of the steps that were begun, and not forgotten then. */
  readonly #begun = new Map<number, StepDirectory>();
  /** All steps of which this process knows that they were ever begun. */
  readonly #used = new StepRanges();
  #currentStep = Number.NaN;
  #isPruning = false;
  #pruning: Promise<void> = Promise.resolve();
  readonly #told = new Set<string>();

  constructor(options: DirectoryReplayCacheOptions) {
    this.#options = options;
    this.#forgotten = join(options.root, FORGOTTEN);
  }

  /** @throws {@link ReplayCacheError} where the directory cannot be used; each claim tries again */
  consume(use: TokenUse, currentTimeStep: number): Promise<ConsumeResult> {
    return new Promise((resolve) => {
      try {
        resolve(this.#claim(use, currentTimeStep));
      } catch (error) {
        throw directoryFault(this.#options.root, error);
      }
    });
  }

  async release({ id, timeStep }: TokenUse): Promise<void> {
    await unlink(join(this.#pathOf(timeStep), nameOf(id)));
  }

  /** Counts those of every process. */
  count(): Promise<number> {
    return countDirectory(this.#options.root);
  }

  async close(): Promise<void> {
    await this.#pruning;
    this.#leave(() => true);
  }

  #claim({ id, timeStep }: TokenUse, currentTimeStep: number): ConsumeResult {
    // Opened first: what is wrong with it is said at once, not when the horizon has passed.
    if (!this.#isOpen) this.#open(currentTimeStep);
    if (isBeforeEpoch(timeStep, this.#options.cacheEpoch())) return 'replay-unknown';
    if (currentTimeStep !== this.#currentStep) this.#pruneSoon(currentTimeStep);
    const directory = this.#begun.get(timeStep) ?? this.#begin(timeStep, currentTimeStep);
    if (directory === undefined) return 'replay-unknown';
    const entry = directory.enter(nameOf(id));
    if (entry === 'exists') return 'replayed';
    // Asked after the entry: what was moved away before is not the record any more, and the entry is nowhere.
    if (entry === 'entered' && directory.isInPlace()) return 'consumed';
    this.#leave((other) => other === timeStep);
    this.#isForgotten(timeStep, currentTimeStep, true);
    return 'replay-unknown';
  }

  #open(currentTimeStep: number): void {
    const { root } = this.#options;
    this.#isOpen = false;
    this.#leave(() => true);
    const known = { cache: this.#record, used: this.#used.ranges, present: currentTimeStep };
    this.#record = openCacheDirectory(root, known);
    for (const { from, to } of readSteps(root)) this.#used.add(from, to);
    this.#used.simplify(currentTimeStep);
    this.#isOpen = true;
  }

  /**
   * @returns the directory of a step, or `undefined` where that is forgotten. As that is asked after the directory was opened,
   *   all of its entries are there, as long as it is in its place.
   */
  #begin(timeStep: number, currentTimeStep: number): StepDirectory | undefined {
    // The record that this process knew may have been removed while it was idle.
    if (readForgotten(this.#forgotten).cache !== this.#record) this.#open(currentTimeStep);
    // Nothing is made for a step that is refused anyway.
    if (this.#isForgotten(timeStep, currentTimeStep, false)) return undefined;
    const directory = new StepDirectory(this.#pathOf(timeStep));
    try {
      if (this.#isForgotten(timeStep, currentTimeStep, directory.isNew)) return undefined;
      this.#begun.set(timeStep, directory);
    } finally {
      if (this.#begun.get(timeStep) !== directory) directory.close();
    }
    this.#used.add(timeStep);
    this.#used.simplify(currentTimeStep);
    return directory;
  }

  /**
   * @param isMissing whether the directory of the step was missing. One that was begun once and is neither there nor forgotten
   *   was removed: it is forgotten from now on.
   */
  #isForgotten(timeStep: number, currentTimeStep: number, isMissing: boolean): boolean {
    // Twice: on btrfs a name that is changed while it is read can be missing from what is read.
    const readings = [readForgotten(this.#forgotten), readForgotten(this.#forgotten)];
    if (readings.some(({ cache }) => cache !== this.#record)) {
      // The record that this process knew is gone.
      this.#open(currentTimeStep);
      return true;
    }
    if (readings.some(({ ranges }) => covers(ranges, timeStep))) return true;
    if (!isMissing || !this.#used.has(timeStep)) return false;
    release(this.#options.root, [{ from: timeStep, to: timeStep }]);
    return true;
  }

  #pathOf(timeStep: number): string {
    return join(this.#options.root, String(timeStep));
  }

  /** Lets go of the directories of some steps. */
  #leave(isLeft: (timeStep: number) => boolean): void {
    for (const [timeStep, directory] of this.#begun) {
      if (!isLeft(timeStep)) continue;
      this.#begun.delete(timeStep);
      directory.close();
    }
  }

  #pruneSoon(currentTimeStep: number): void {
    this.#currentStep = currentTimeStep;
    const oldest = currentTimeStep - RETAINED_TIME_STEPS;
    this.#leave((timeStep) => timeStep < oldest || timeStep > currentTimeStep + DEVIATION_STEPS);
    if (this.#isPruning) return;
    this.#isPruning = true;
    this.#pruning = this.#prune(oldest, currentTimeStep).finally(() => (this.#isPruning = false));
  }

  async #prune(oldest: number, present: number): Promise<void> {
    const { root } = this.#options;
    const onUnexpectedEntry = (path: string): void => {
      const message = `${path}: this is not of the replay cache, and is left alone: remove it`;
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
      await pruneDirectory({ root, oldest, present, onUnexpectedEntry, onFault });
    } catch (error) {
      onFault(root, error);
    }
  }

  #tell(message: string, subject = message): void {
    if (this.#told.has(subject)) return;
    this.#told.add(subject);
    this.#options.onWarning(message);
  }
}

/** Whoever has the secret could tell a token from its signature; nobody can from the hash of it. */
function nameOf(id: string): string {
  return createHash('sha256').update(id, 'latin1').digest('base64url');
}
