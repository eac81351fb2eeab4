import { isDeepStrictEqual } from 'node:util';
import { isBeforeEpoch, startInstant } from '../replay/cache-epoch.js';
import type { LastUses } from '../passwords/app-passwords/last-uses.js';
import type { ReplaySettings } from '../replay/registry.js';
import type { ReplayCache } from '../replay/replay-cache.js';
import { CachedRevocations } from '../users/cached-revocations.js';
import type { RevocationStore } from '../users/revocations.js';
import type { SeenUsers } from '../users/seen-users.js';
import { withConsume } from './observed-stores.js';

/** Longer than any request to a store takes. */
const CLOSE_AFTER_MILLISECONDS = 5000;

/** Options of {@link Stores}. */
export interface StoresOptions {
  /** Chooses the store if the configuration names none, and reports what that costs. */
  readonly choose: (settings: ReplaySettings) => ReplaySettings;
  readonly openReplayCache: (store: ReplaySettings) => Promise<ReplayCache>;
  readonly openSeenUsers: (store: ReplaySettings) => Promise<SeenUsers>;
  /** @returns `undefined` if the store has none */
  readonly openRevocations: (store: ReplaySettings) => Promise<RevocationStore | undefined>;
  /** @returns `undefined` if the store has none */
  readonly openLastUses: (store: ReplaySettings) => Promise<LastUses | undefined>;
  readonly onWarning: (message: string) => void;
  /** Returns milliseconds since the Unix epoch. */
  readonly clock: () => number;
  /** Returns milliseconds of a monotonic clock. */
  readonly monotonic: () => number;
}

/** Keeps the replay cache and the seen users open over reloads that do not change their settings. */
export class Stores {
  readonly #options: StoresOptions;
  #settings: ReplaySettings | undefined;
  #store: ReplaySettings | undefined;
  #cache: ReplayCache | undefined;
  #seen: Promise<SeenUsers> | undefined;
  #lastUses: Promise<LastUses | undefined> | undefined;
  #revocations: CachedRevocations | undefined;

  /** The revocations in the current store. */
  readonly revocations: Pick<CachedRevocations, 'of' | 'version'> = {
    of: (user, host) => this.#revocations?.of(user, host),
    version: async () => (await this.#revocations?.version()) ?? '',
  };

  /** The users who have logged in before, in the current store. Opened by the first request. */
  readonly seenUsers: SeenUsers = {
    has: async (user, host) => (await this.#openedSeenUsers()).has(user, host),
    add: async (user, host) => (await this.#openedSeenUsers()).add(user, host),
    list: async (host, after) => (await this.#openedSeenUsers()).list(host, after),
    close: async () => (await this.#seen)?.close(),
  };

  /** When app passwords were used last, in the current store. Opened by the first use. */
  readonly lastUses: Pick<LastUses, 'record'> = {
    record: async (id, at) => (await this.#openedLastUses())?.record(id, at),
  };

  constructor(options: StoresOptions) {
    this.#options = options;
  }

  /** Returns the replay cache for some settings: the current one if they have not changed. */
  async cache(settings: ReplaySettings): Promise<ReplayCache> {
    if (this.#cache !== undefined && isDeepStrictEqual(settings, this.#settings)) return this.#cache;
    const { choose, openReplayCache, openRevocations, monotonic, onWarning } = this.#options;
    const store = choose(settings);
    const opened = await openReplayCache(store);
    const revocations = (await openRevocations(store)) ?? NO_REVOCATIONS;
    const previous = [
      ...[Promise.resolve(this.#cache), this.#seen, Promise.resolve(this.#revocations)],
      this.#lastUses,
    ];
    // A store that lacks somebody who is revoked must not let that user in.
    const inherited = this.#revocations?.known;
    this.#revocations = new CachedRevocations({ store: revocations, monotonic, onWarning, inherited });
    // The new cache does not know the tokens of the previous one, even if it was in use earlier.
    this.#cache = this.#cache === undefined ? opened : completeSince(this.#options, opened);
    this.#seen = undefined;
    this.#lastUses = undefined;
    this.#store = store;
    this.#settings = settings;
    // Requests in progress still use the previous stores.
    setTimeout(() => {
      for (const old of previous) void old?.then((opened) => opened?.close()).catch(() => undefined);
    }, CLOSE_AFTER_MILLISECONDS).unref();
    return this.#cache;
  }

  /** Concurrent requests share one instance, so that each sees what another adds. */
  #openedSeenUsers(): Promise<SeenUsers> {
    this.#seen ??= this.#options.openSeenUsers(this.#chosen).catch((error: unknown) => {
      this.#seen = undefined;
      throw error;
    });
    return this.#seen;
  }

  #openedLastUses(): Promise<LastUses | undefined> {
    this.#lastUses ??= this.#options.openLastUses(this.#chosen).catch((error: unknown) => {
      this.#lastUses = undefined;
      throw error;
    });
    return this.#lastUses;
  }

  get #chosen(): ReplaySettings {
    if (this.#store === undefined) throw new Error('expected cache() to be called first');
    return this.#store;
  }
}

/** The revocations of a store that has none. */
const NO_REVOCATIONS: RevocationStore = {
  read: (revision) => Promise.resolve(revision === undefined ? { revision: '', revocations: [] } : undefined),
  add: () => Promise.reject(new Error('this store keeps no revocations')),
  close: () => Promise.resolve(),
};

/** Returns a replay cache that also refuses tokens that could have been used before now. */
function completeSince({ clock, monotonic }: StoresOptions, cache: ReplayCache): ReplayCache {
  const start = monotonic();
  const cacheEpoch = startInstant(clock, () => monotonic() - start);
  return withConsume(cache, async (use, currentTimeStep) =>
    isBeforeEpoch(use.timeStep, cacheEpoch()) ? 'replay-unknown' : cache.consume(use, currentTimeStep),
  );
}
