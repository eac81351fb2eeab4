import { createHash } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DEVIATION_STEPS } from '../../credential/otp.js';
import { codeOf } from '../../errors.js';
import { countDirectory } from './count-directory.js';
import { directoryFault } from './errors.js';
import { readPruned } from './pruned-time-steps.js';
import { isBeforeEpoch, RETAINED_TIME_STEPS } from '../cache-epoch.js';
import { PRUNED } from './make-cache.js';
import { pruneDirectory } from './prune-directory.js';
import { markPruned, openCacheDirectory, readTimeSteps } from './cache-directory.js';
import type { ConsumeResult, ReplayCache, TokenUse } from '../replay-cache.js';
import { TimeStepDirectory } from './time-step-directory.js';
import { covers, TimeStepRanges } from '../time-step-ranges.js';

/** Options of {@link DirectoryReplayCache}. */
export interface DirectoryReplayCacheOptions {
  /** The directory of the replay cache. It is created if it is missing, with its parents. */
  readonly root: string;
  /** Returns when this machine or container started, in milliseconds since the Unix epoch: a crash may lose earlier tokens. */
  readonly cacheEpoch: () => number;
  /** Called once with each fault that makes no login fail. */
  readonly onWarning: (message: string) => void;
}

/**
 * Keeps used tokens in a directory of a local file system, for any number of processes of one user, over restarts and crashes. It
 * holds a directory for each time step, with an entry for each token, and the pruned time steps (see pruned-time-steps.ts). Nothing needs
 * to be synced to the disk: what a crash of the machine loses is before the cache epoch.
 *
 * Calls to the file system are synchronous: that is several times faster than Node's thread pool, and makes a consume atomic within
 * the process.
 */
export class DirectoryReplayCache implements ReplayCache {
  readonly #options: DirectoryReplayCacheOptions;
  readonly #prunedPath: string;
  /** The name of the replay cache as this process knows it. */
  #name: string | undefined;
  #isOpen = false;
  /** The directories of the time steps that were started and not pruned since. */
  readonly #started = new Map<number, TimeStepDirectory>();
  /** All time steps that this process knows to have been started. */
  readonly #used = new TimeStepRanges();
  #currentTimeStep = Number.NaN;
  #isPruning = false;
  #pruning: Promise<void> = Promise.resolve();
  readonly #reported = new Set<string>();

  constructor(options: DirectoryReplayCacheOptions) {
    this.#options = options;
    this.#prunedPath = join(options.root, PRUNED);
  }

  /** @throws {@link ReplayCacheError} if the directory can't be used; each consume tries again */
  consume(use: TokenUse, currentTimeStep: number): Promise<ConsumeResult> {
    return new Promise((resolve) => {
      try {
        resolve(this.#consume(use, currentTimeStep));
      } catch (error) {
        throw directoryFault(this.#options.root, error);
      }
    });
  }

  async release({ id, timeStep }: TokenUse): Promise<void> {
    await unlink(join(this.#pathOf(timeStep), nameOf(id)));
  }

  /** Counts the tokens of all processes. */
  count(): Promise<number> {
    return countDirectory(this.#options.root);
  }

  async close(): Promise<void> {
    await this.#pruning;
    this.#close(() => true);
  }

  #consume({ id, timeStep }: TokenUse, currentTimeStep: number): ConsumeResult {
    // First: a fault is reported at once, not only after the cache epoch.
    if (!this.#isOpen) this.#open(currentTimeStep);
    if (isBeforeEpoch(timeStep, this.#options.cacheEpoch())) return 'replay-unknown';
    if (currentTimeStep !== this.#currentTimeStep) this.#pruneSoon(currentTimeStep);
    const directory = this.#started.get(timeStep) ?? this.#start(timeStep, currentTimeStep);
    if (directory === undefined) return 'replay-unknown';
    const entry = directory.enter(nameOf(id));
    if (entry === 'exists') return 'replayed';
    // After the entry: if the directory was moved away before, the entry is lost with it.
    if (entry === 'entered' && directory.isInPlace()) return 'consumed';
    this.#close((other) => other === timeStep);
    this.#isPruned(timeStep, currentTimeStep, true);
    return 'replay-unknown';
  }

  #open(currentTimeStep: number): void {
    const { root } = this.#options;
    this.#isOpen = false;
    this.#close(() => true);
    const known = { cache: this.#name, used: this.#used.ranges, present: currentTimeStep };
    this.#name = openCacheDirectory(root, known);
    for (const { from, to } of readTimeSteps(root)) this.#used.add(from, to);
    this.#used.simplify(currentTimeStep);
    this.#isOpen = true;
  }

  /**
   * Returns the directory of a time step, or `undefined` if that is pruned. As this is checked after the directory was opened, all of
   * its entries are there for as long as it is in its place.
   */
  #start(timeStep: number, currentTimeStep: number): TimeStepDirectory | undefined {
    // The replay cache that this process knew may have been removed while it was idle.
    if (readPruned(this.#prunedPath).cache !== this.#name) this.#open(currentTimeStep);
    // Creates nothing for a time step that is refused anyway.
    if (this.#isPruned(timeStep, currentTimeStep, false)) return undefined;
    const directory = new TimeStepDirectory(this.#pathOf(timeStep));
    try {
      if (this.#isPruned(timeStep, currentTimeStep, directory.isNew)) return undefined;
      this.#started.set(timeStep, directory);
    } finally {
      if (this.#started.get(timeStep) !== directory) directory.close();
    }
    this.#used.add(timeStep);
    this.#used.simplify(currentTimeStep);
    return directory;
  }

  /**
   * @param isMissing whether the directory of the time step was missing. If it was started once and is not pruned, somebody removed it:
   *   it counts as pruned from now on
   */
  #isPruned(timeStep: number, currentTimeStep: number, isMissing: boolean): boolean {
    // Twice: on btrfs, a name that changes while the directory is read can be missing from the result.
    const readings = [readPruned(this.#prunedPath), readPruned(this.#prunedPath)];
    if (readings.some(({ cache }) => cache !== this.#name)) {
      // The replay cache that this process knew is gone.
      this.#open(currentTimeStep);
      return true;
    }
    if (readings.some(({ ranges }) => covers(ranges, timeStep))) return true;
    if (!isMissing || !this.#used.has(timeStep)) return false;
    markPruned(this.#options.root, [{ from: timeStep, to: timeStep }]);
    return true;
  }

  #pathOf(timeStep: number): string {
    return join(this.#options.root, String(timeStep));
  }

  /** Closes the directories of some time steps. */
  #close(isClosed: (timeStep: number) => boolean): void {
    for (const [timeStep, directory] of this.#started) {
      if (!isClosed(timeStep)) continue;
      this.#started.delete(timeStep);
      directory.close();
    }
  }

  #pruneSoon(currentTimeStep: number): void {
    this.#currentTimeStep = currentTimeStep;
    const oldest = currentTimeStep - RETAINED_TIME_STEPS;
    this.#close((timeStep) => timeStep < oldest || timeStep > currentTimeStep + DEVIATION_STEPS);
    if (this.#isPruning) return;
    this.#isPruning = true;
    this.#pruning = this.#prune(oldest, currentTimeStep).finally(() => (this.#isPruning = false));
  }

  async #prune(oldest: number, present: number): Promise<void> {
    const { root } = this.#options;
    const onUnexpectedEntry = (path: string): void => {
      const message = `${path}: this does not belong to the replay cache and is ignored: remove it`;
      // By name: its directory gets another name when it is pruned.
      this.#report(message, basename(path));
    };
    const onFault = (path: string, error: unknown): void => {
      // If the replay cache was removed meanwhile, the next consume reports that.
      if (codeOf(error) === 'ENOENT') return;
      this.#report(`pruning is incomplete: ${directoryFault(path, error).message}`, String(codeOf(error)));
    };
    try {
      // After the pending reply.
      await new Promise(setImmediate);
      await pruneDirectory({ root, oldest, present, onUnexpectedEntry, onFault });
    } catch (error) {
      onFault(root, error);
    }
  }

  #report(message: string, subject = message): void {
    if (this.#reported.has(subject)) return;
    this.#reported.add(subject);
    this.#options.onWarning(message);
  }
}

/** A file is named by a hash of the signature, from which nobody can tell the signature. */
function nameOf(id: string): string {
  return createHash('sha256').update(id, 'latin1').digest('base64url');
}
