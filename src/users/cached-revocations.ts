import { messageOf } from '../errors.js';
import type { MaybePromise, Revocation, RevocationStore } from './revocations.js';

/** How old what is known may be for a login. */
const MAX_AGE_MILLISECONDS = 250;
/** How many users a message names. */
const MAX_NAMED = 10;

/** Options of {@link CachedRevocations}. */
export interface CachedRevocationsOptions {
  readonly store: RevocationStore;
  /** Returns milliseconds of a monotonic clock. */
  readonly monotonic: () => number;
  /** Called once for each reason why the revocations can't be read again. */
  readonly onWarning: (message: string) => void;
  /** What was known of the store that was used before. */
  readonly inherited?: ReadonlyMap<string, Revocation> | undefined;
}

/** The revocations of a store, in memory. If they can't be read again, those read before apply. */
export class CachedRevocations {
  readonly #options: CachedRevocationsOptions;
  #revocations: ReadonlyMap<string, Revocation> | undefined;
  #revision: string | undefined;
  #changes = 0;
  #readAt = 0;
  #reading: Promise<void> | undefined;
  #fault: string | undefined;

  constructor(options: CachedRevocationsOptions) {
    this.#options = options;
  }

  /** What has been read so far, and what was inherited. */
  get known(): ReadonlyMap<string, Revocation> {
    return this.#revocations ?? this.#options.inherited ?? new Map();
  }

  /** @throws if they have never been read, and the store can't be used */
  of(user: string, host: string): MaybePromise<Revocation | undefined> {
    // Mostly, nobody is revoked.
    const find = (): Revocation | undefined =>
      this.#revocations?.size === 0 ? undefined : this.#revocations?.get(`${user}@${host}`);
    const isFresh =
      this.#revocations !== undefined && this.#options.monotonic() < this.#readAt + MAX_AGE_MILLISECONDS;
    return isFresh ? find() : this.#read().then(find);
  }

  /**
   * Reads the store, and returns a text that differs after each change.
   *
   * @throws if they have never been read, and the store can't be used
   */
  async version(): Promise<string> {
    // A read in progress may have begun before the last change.
    await this.#reading?.catch(() => undefined);
    await this.#read();
    return String(this.#changes);
  }

  close(): Promise<void> {
    return this.#options.store.close();
  }

  /** Concurrent requests share one read. */
  #read(): Promise<void> {
    this.#reading ??= this.#tryToRead().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #tryToRead(): Promise<void> {
    const { store, onWarning, monotonic } = this.#options;
    const start = monotonic();
    try {
      const snapshot = await store.read(this.#revision);
      if (snapshot !== undefined) this.#apply(snapshot.revocations, snapshot.revision);
      this.#fault = undefined;
      // A slow read doesn't have what was stored meanwhile.
      this.#readAt = start;
    } catch (error) {
      if (this.#revocations === undefined) throw error;
      this.#readAt = monotonic();
      const fault = `revocations unavailable, keeping those read before: ${messageOf(error)}`;
      if (fault !== this.#fault) onWarning(fault);
      this.#fault = fault;
    }
  }

  #apply(revocations: readonly Revocation[], revision: string): void {
    const found = new Map(revocations.map((revocation) => [revocation.jid, revocation]));
    const lost = [...this.known.values()].filter((revocation) =>
      isLost(revocation, found.get(revocation.jid)),
    );
    for (const revocation of lost) found.set(revocation.jid, revocation);
    this.#revocations = found;
    this.#revision = revision;
    this.#changes += 1;
    if (lost.length > 0) throw new Error(explainLost(lost));
  }
}

/** Returns whether a store has lost a revocation: none is ever removed, and an undone one keeps its time. */
function isLost(known: Revocation, found: Revocation | undefined): boolean {
  if (found === undefined) return true;
  return known.isBlocked && !found.isBlocked && found.revokedAt < known.revokedAt;
}

function explainLost(lost: readonly Revocation[]): string {
  const names = lost.slice(0, MAX_NAMED).map(({ jid }) => jid);
  const others = lost.length > MAX_NAMED ? ` and ${lost.length - MAX_NAMED} others` : '';
  return `the store has lost ${names.join(', ')}${others}; after a restart of xtokend, these users could log in. Revoke them again: xtokend revoke JID`;
}
