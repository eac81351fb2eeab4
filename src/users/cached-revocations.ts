import { messageOf } from '../errors.js';
import type { MaybePromise, Revocation, RevocationStore } from './revocations.js';

/** How old what is known may be for a login. */
const MAX_AGE_MILLISECONDS = 250;

/** Options of {@link CachedRevocations}. */
export interface CachedRevocationsOptions {
  readonly store: RevocationStore;
  /** Returns milliseconds of a monotonic clock. */
  readonly monotonic: () => number;
  /** Called once for each reason why the revocations can't be read again. */
  readonly onWarning: (message: string) => void;
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
      this.#readAt = this.#options.monotonic();
    });
    return this.#reading;
  }

  async #tryToRead(): Promise<void> {
    const { store, onWarning } = this.#options;
    try {
      const snapshot = await store.read(this.#revision);
      if (snapshot !== undefined) this.#apply(snapshot.revocations, snapshot.revision);
      this.#fault = undefined;
    } catch (error) {
      if (this.#revocations === undefined) throw error;
      const fault = `revocations unavailable, keeping those read before: ${messageOf(error)}`;
      if (fault !== this.#fault) onWarning(fault);
      this.#fault = fault;
    }
  }

  #apply(revocations: readonly Revocation[], revision: string): void {
    // They are never removed from a store, so an empty one has lost them.
    if (revocations.length === 0 && (this.#revocations?.size ?? 0) > 0) throw new Error(LOST);
    this.#revocations = new Map(revocations.map((revocation) => [revocation.jid, revocation]));
    this.#revision = revision;
    this.#changes += 1;
  }
}

const LOST =
  'the store lost them; after a restart of xtokend, these users could log in. Revoke them again: xtokend revoke JID';
