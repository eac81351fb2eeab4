import { isDeepStrictEqual } from 'node:util';
import type { ReplaySettings } from '../config/replay.js';
import { isBeforeEpoch } from '../replay/cache-epoch.js';
import type { ReplayCache } from '../replay/replay-cache.js';
import type { SeenUsers } from '../users/seen-users.js';
import { startInstant } from './service-start.js';
import type { Store } from './open-cache.js';

/** Longer than any claim takes. */
const CLOSE_AFTER_MILLISECONDS = 5000;

/** What {@link Stores} works with. */
export interface StoresOptions {
  /** Chooses between the stores that a configuration leaves open, and says what is lost by the choice. */
  readonly choose: (settings: ReplaySettings) => Store;
  readonly openReplayCache: (store: Store) => Promise<ReplayCache>;
  readonly openSeenUsers: (store: Store) => Promise<SeenUsers>;
  /** @returns milliseconds since the Unix epoch */
  readonly clock: () => number;
  /** @returns milliseconds of a clock that only goes forward */
  readonly monotonic: () => number;
}

/** The replay cache, and that of who has logged in before, kept over reloads that do not change them. */
export class Stores {
  readonly #options: StoresOptions;
  #settings: ReplaySettings | undefined;
  #store: Store | undefined;
  #record: ReplayCache | undefined;
  #seen: Promise<SeenUsers> | undefined;

  /** Those who have logged in before, by the store of the moment. It is opened when it is first asked. */
  readonly seenUsers: SeenUsers = {
    has: async (user, host) => (await this.#openedSeenUsers()).has(user, host),
    add: async (user, host) => (await this.#openedSeenUsers()).add(user, host),
    close: async () => (await this.#seen)?.close(),
  };

  constructor(options: StoresOptions) {
    this.#options = options;
  }

  /** @returns the record that some settings ask for: the one from before where they have not changed */
  async cache(settings: ReplaySettings): Promise<ReplayCache> {
    if (this.#record !== undefined && isDeepStrictEqual(settings, this.#settings)) return this.#record;
    const { choose, openReplayCache } = this.#options;
    const store = choose(settings);
    const opened = await openReplayCache(store);
    const before = [Promise.resolve(this.#record), this.#seen];
    // What was used by the record from before is unknown to the new one, even if that was in use earlier.
    this.#record = this.#record === undefined ? opened : completeSince(this.#options, opened);
    this.#seen = undefined;
    this.#store = store;
    this.#settings = settings;
    // What is being asked of them is answered first.
    setTimeout(() => {
      for (const old of before) void old?.then((opened) => opened?.close()).catch(() => undefined);
    }, CLOSE_AFTER_MILLISECONDS).unref();
    return this.#record;
  }

  /** Those who ask while it is opened get the same one: what one remembers, the other must know. */
  #openedSeenUsers(): Promise<SeenUsers> {
    if (this.#store === undefined) throw new Error('expected a record to have been opened before');
    this.#seen ??= this.#options.openSeenUsers(this.#store).catch((error: unknown) => {
      this.#seen = undefined;
      throw error;
    });
    return this.#seen;
  }
}

/** @returns a record that also refuses what could have been used before now */
function completeSince({ clock, monotonic }: StoresOptions, cache: ReplayCache): ReplayCache {
  const start = monotonic();
  const cacheEpoch = startInstant(clock, () => monotonic() - start);
  return {
    consume: async (use, currentTimeStep) =>
      isBeforeEpoch(use.timeStep, cacheEpoch()) ? 'replay-unknown' : cache.consume(use, currentTimeStep),
    release: (use) => cache.release(use),
    close: () => cache.close(),
  };
}
