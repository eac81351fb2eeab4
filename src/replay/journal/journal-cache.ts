import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DEVIATION_STEPS } from '../../credential/otp.js';
import { codeOf } from '../../errors.js';
import { isBeforeEpoch, RETAINED_TIME_STEPS } from '../cache-epoch.js';
import type { ConsumeResult, ReplayCache, TokenUse } from '../replay-cache.js';
import { explainFault } from '../state-directory.js';
import { covers, TimeStepRanges } from '../time-step-ranges.js';
import { journalOf, markPruned, openCacheDirectory, readEntries } from './cache-directory.js';
import { RECORD_BYTES, TimeStepJournal } from './time-step-journal.js';

/** Options of {@link JournalReplayCache}. */
export interface JournalReplayCacheOptions {
  /** The directory of the replay cache. It is created if it is missing, with its parents. */
  readonly root: string;
  /** Returns when this machine or container started, in milliseconds since the Unix epoch: a crash may lose earlier tokens. */
  readonly cacheEpoch: () => number;
  /** Called once with each fault that makes no login fail. */
  readonly onWarning: (message: string) => void;
}

/**
 * Keeps used tokens in files of a local file system, for any number of processes of one user, over restarts and crashes: an append-only
 * journal for each time step (see time-step-journal.ts), in a directory that also knows which time steps are pruned (see
 * cache-directory.ts). Nothing is synced to the disk: what a crash of the machine loses is before the cache epoch.
 *
 * Calls to the file system are synchronous: that is several times faster than Node's thread pool.
 */
export class JournalReplayCache implements ReplayCache {
  readonly #options: JournalReplayCacheOptions;
  /** The name of the replay cache as this process knows it. */
  #name: string | undefined;
  #isOpen = false;
  /** The journals of the time steps that can be used now. */
  readonly #journals = new Map<number, TimeStepJournal>();
  /** All time steps that this process knows to have been used. */
  readonly #used = new TimeStepRanges();
  #currentTimeStep = Number.NaN;
  #pruning: Promise<void> = Promise.resolve();
  readonly #reported = new Set<string>();

  constructor(options: JournalReplayCacheOptions) {
    this.#options = options;
  }

  /** @throws {@link ReplayCacheError} if the directory can't be used; each consume tries again */
  async consume({ id, timeStep }: TokenUse, currentTimeStep: number): Promise<ConsumeResult> {
    try {
      // First: a fault is reported at once, not only after the cache epoch.
      if (!this.#isOpen) this.#open(currentTimeStep);
      if (isBeforeEpoch(timeStep, this.#options.cacheEpoch())) return 'replay-unknown';
      if (currentTimeStep !== this.#currentTimeStep) this.#enter(currentTimeStep);
      const result = await (this.#journals.get(timeStep) ?? this.#start(timeStep, currentTimeStep))?.append(
        id,
      );
      if (result === 'consumed' || result === 'replayed') return result;
      if (result === 'lost') this.#abandon(timeStep, currentTimeStep);
      return 'replay-unknown';
    } catch (error) {
      throw explainFault(this.#options.root, error);
    }
  }

  /** Counts the tokens of all processes, by the sizes of the journals. */
  // eslint-disable-next-line @typescript-eslint/require-await -- so that it never throws synchronously
  async count(): Promise<number> {
    const { root } = this.#options;
    // A journal may be pruned meanwhile.
    const sizeOf = (timeStep: number): number =>
      statSync(journalOf(root, timeStep), { throwIfNoEntry: false })?.size ?? 0;
    const bytes = readEntries(root).timeSteps.reduce((sum, timeStep) => sum + sizeOf(timeStep), 0);
    return Math.floor(bytes / RECORD_BYTES);
  }

  async close(): Promise<void> {
    await this.#pruning;
    this.#close(() => true);
  }

  #open(currentTimeStep: number): void {
    const { root } = this.#options;
    this.#isOpen = false;
    this.#close(() => true);
    const onWarning = (message: string): void => {
      this.#report(message);
    };
    const known = { name: this.#name, used: this.#used.ranges, currentTimeStep, onWarning };
    this.#name = openCacheDirectory(root, known);
    const { pruned, timeSteps } = readEntries(root);
    for (const { from, to } of pruned) this.#used.add(from, to);
    for (const timeStep of timeSteps) this.#used.add(timeStep);
    this.#used.simplify(currentTimeStep);
    this.#isOpen = true;
  }

  /**
   * Returns the journal of a time step, or `undefined` if that is pruned. Checks this after opening the file: from then on, the file is
   * complete for as long as its path leads to it.
   */
  #start(timeStep: number, currentTimeStep: number): TimeStepJournal | undefined {
    const { root } = this.#options;
    // The replay cache that this process knew may have been removed while it was idle.
    if (readEntries(root).name !== this.#name) this.#open(currentTimeStep);
    // Creates nothing for a time step that is refused anyway.
    if (this.#isPruned(timeStep, currentTimeStep, false)) return undefined;
    const journal = new TimeStepJournal(journalOf(root, timeStep));
    try {
      if (this.#isPruned(timeStep, currentTimeStep, journal.isNew)) return undefined;
      this.#journals.set(timeStep, journal);
    } finally {
      if (this.#journals.get(timeStep) !== journal) journal.close();
    }
    this.#used.add(timeStep);
    this.#used.simplify(currentTimeStep);
    return journal;
  }

  /**
   * @param isMissing whether the journal was missing. If its time step was used and is not pruned, somebody removed it: it counts as
   *   pruned from now on
   */
  #isPruned(timeStep: number, currentTimeStep: number, isMissing: boolean): boolean {
    const { root } = this.#options;
    const { name, pruned } = readEntries(root);
    if (name !== this.#name) {
      // The replay cache that this process knew is gone.
      this.#open(currentTimeStep);
      return true;
    }
    if (covers(pruned, timeStep)) return true;
    if (!isMissing || !this.#used.has(timeStep)) return false;
    markPruned(root, [{ from: timeStep, to: timeStep }], currentTimeStep);
    return true;
  }

  #abandon(timeStep: number, currentTimeStep: number): void {
    this.#close((other) => other === timeStep);
    this.#isPruned(timeStep, currentTimeStep, true);
  }

  /** Closes the journals of some time steps. */
  #close(isClosed: (timeStep: number) => boolean): void {
    for (const [timeStep, journal] of this.#journals) {
      if (!isClosed(timeStep)) continue;
      this.#journals.delete(timeStep);
      journal.close();
    }
  }

  #enter(currentTimeStep: number): void {
    this.#currentTimeStep = currentTimeStep;
    const oldest = currentTimeStep - RETAINED_TIME_STEPS;
    this.#close((timeStep) => timeStep < oldest || timeStep > currentTimeStep + DEVIATION_STEPS);
    // After the pending reply.
    this.#pruning = new Promise(setImmediate).then(() => {
      this.#prune(oldest, currentTimeStep);
    });
  }

  #prune(oldest: number, currentTimeStep: number): void {
    const { root } = this.#options;
    try {
      const { timeSteps, unexpected } = readEntries(root);
      for (const name of unexpected) {
        this.#report(
          `${join(root, name)}: this does not belong to the replay cache and is ignored: remove it`,
        );
      }
      const expired = timeSteps.filter((timeStep) => timeStep < oldest);
      const ranges = expired.map((timeStep) => ({ from: timeStep, to: timeStep }));
      if (ranges.length > 0) markPruned(root, ranges, currentTimeStep);
    } catch (error) {
      const { message, cause = error } = explainFault(root, error);
      // If the replay cache was removed meanwhile, the next consume reports that.
      if (codeOf(cause) !== 'ENOENT')
        this.#report(`pruning is incomplete: ${message}`, String(codeOf(cause)));
    }
  }

  #report(message: string, subject = message): void {
    if (this.#reported.has(subject)) return;
    this.#reported.add(subject);
    this.#options.onWarning(message);
  }
}
