import type { Configuration } from '../config/configuration.js';
import type { NamedKey } from '../credential/key.js';
import type { ReplayCache } from '../replay/replay-cache.js';
import { Counts } from './counts.js';
import type { RequestSink } from '../daemon/completed-request.js';
import { Durations } from './durations.js';
import type { Store } from '../daemon/open-cache.js';
import type { ConsumeSink } from '../daemon/observed-cache.js';

/** The record of the moment. */
export interface MeasuredStore {
  readonly kind: Store['kind'];
  readonly cache: ReplayCache;
}

/**
 * What is counted from the start of the process on, for whoever asks for metrics. No label comes from a request: what
 * labels there are, and so the memory for them, is bounded by the code and the configuration.
 */
export class Measurements {
  /** By operation, verdict and reason. */
  readonly requests: Counts = new Counts();
  /** By operation. */
  readonly requestDurations: Map<string, Durations> = new Map();
  /** Rightly signed tokens by key and verdict. */
  readonly keyUses: Counts = new Counts();
  /** Accepted tokens by key and by the step that they were from, seen from the present one. */
  readonly offsets: Counts = new Counts();
  /** By store. */
  readonly consumeDurations: Map<string, Durations> = new Map();
  /** By store. */
  readonly consumeErrors: Counts = new Counts();
  /** By result. */
  readonly reloads: Counts = new Counts();
  #wasReloaded = true;
  #takenUpAt = 0;
  #keys: readonly NamedKey[] = [];
  #store: MeasuredStore | undefined;

  readonly decided: RequestSink = ({ operation, outcome, reason, context, milliseconds }) => {
    this.requests
      .at(operation)
      .at(outcome)
      .at(reason ?? 'none')
      .add();
    durationsAt(this.requestDurations, operation).add(milliseconds);
    const { key, offset } = context;
    if (key === undefined) return;
    this.keyUses.at(key).at(outcome).add();
    if (outcome === 'accepted' && offset !== undefined) this.offsets.at(key).at(String(offset)).add();
  };

  /** Takes note of a record that is in use from now on. @returns who is told of its claims */
  opened(kind: Store['kind'], cache: ReplayCache): ConsumeSink {
    this.#store = { kind, cache };
    const durations = durationsAt(this.consumeDurations, kind);
    const errors = this.consumeErrors.at(kind);
    return (milliseconds, hasFailed) => {
      durations.add(milliseconds);
      if (hasFailed) errors.add();
    };
  }

  /** Takes note of a configuration that is in use from now on. @param now milliseconds since the Unix epoch */
  tookUp({ hosts }: Configuration, now: number): void {
    this.#takenUpAt = now;
    this.#keys = hosts.keys;
    const ids = new Set(hosts.keys.map(({ id }) => id));
    // A key that was taken out would look like one that nobody uses any more.
    for (const counts of [this.keyUses, this.offsets]) counts.keepOnly(ids);
  }

  reloaded(isTakenUp: boolean): void {
    this.#wasReloaded = isTakenUp;
    this.reloads.at(isTakenUp ? 'success' : 'failure').add();
  }

  /** Whether the last attempt to reload was successful; also where there was none. */
  get wasReloaded(): boolean {
    return this.#wasReloaded;
  }

  /** When the configuration in use was taken up, in milliseconds since the Unix epoch. */
  get takenUpAt(): number {
    return this.#takenUpAt;
  }

  /** The keys in use. */
  get keys(): readonly NamedKey[] {
    return this.#keys;
  }

  get store(): MeasuredStore | undefined {
    return this.#store;
  }
}

function durationsAt(table: Map<string, Durations>, label: string): Durations {
  let durations = table.get(label);
  if (durations === undefined) {
    durations = new Durations();
    table.set(label, durations);
  }
  return durations;
}
