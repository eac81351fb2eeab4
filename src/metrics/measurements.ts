import type { CompletedRequest, RequestSink } from '../authenticator/decision.js';
import type { Configuration } from '../config/configuration.js';
import type { NamedKey } from '../credential/key.js';
import type { BackendName } from '../passwords/backend.js';
import type { BackendRequest } from '../passwords/passwords.js';
import { labelOf } from '../protocol/request.js';
import type { StoreName } from '../replay/registry.js';
import type { ReplayCache } from '../replay/replay-cache.js';
import { Counts, Durations } from './instruments.js';

/** The replay cache in use. */
export interface MeasuredStore {
  readonly kind: StoreName;
  readonly cache: ReplayCache;
}

/** Receives how long the replay cache took for a token, and whether it failed. */
export type ConsumeSink = (milliseconds: number, hasFailed: boolean) => void;

/**
 * Counts requests, replay cache operations and reloads from the start of the process. No label value comes from a request, so
 * that the code and the configuration bound the memory.
 */
export class Measurements {
  /** Requests by outcome. */
  readonly outcomes: Record<CompletedRequest['outcome'], number> = { accepted: 0, refused: 0, unanswered: 0 };
  /** By operation, outcome and reason. */
  readonly requests: Counts = new Counts();
  /** By operation. */
  readonly requestDurations: Map<string, Durations> = new Map();
  /** Tokens with a valid signature, by key and outcome. */
  readonly keyUses: Counts = new Counts();
  /** Accepted tokens, by key and by their time step relative to the current one. */
  readonly offsets: Counts = new Counts();
  /** By store. */
  readonly consumeDurations: Map<string, Durations> = new Map();
  /** By store. */
  readonly consumeErrors: Counts = new Counts();
  /** Requests to the password back ends, by back end, operation and result. */
  readonly backendRequests: Counts = new Counts();
  /** By back end. */
  readonly backendDurations: Map<string, Durations> = new Map();
  /** By result. */
  readonly reloads: Counts = new Counts();
  /** `true` also if there was no reload yet. */
  lastReloadSucceeded = true;
  /** When the current configuration was applied, in milliseconds since the Unix epoch. */
  configurationAppliedAt = 0;
  /** The keys of the current configuration. */
  keys: readonly NamedKey[] = [];
  /** The password back ends in the current configuration. */
  backends: ReadonlySet<BackendName> = new Set();
  store: MeasuredStore | undefined;

  /** Counts one completed request. */
  readonly countRequest: RequestSink = ({ context, outcome, reason, key, offset, milliseconds }) => {
    this.outcomes[outcome] += 1;
    const operation = labelOf(context.operation);
    this.requests
      .at(operation)
      .at(outcome)
      .at(reason ?? 'none')
      .add();
    durationsAt(this.requestDurations, operation).add(milliseconds);
    if (key === undefined) return;
    this.keyUses.at(key).at(outcome).add();
    if (outcome === 'accepted' && offset !== undefined) this.offsets.at(key).at(String(offset)).add();
  };

  /** Sets the replay cache in use. @returns the sink that counts its operations */
  setStore(kind: StoreName, cache: ReplayCache): ConsumeSink {
    this.store = { kind, cache };
    const durations = durationsAt(this.consumeDurations, kind);
    const errors = this.consumeErrors.at(kind);
    return (milliseconds, hasFailed) => {
      durations.add(milliseconds);
      if (hasFailed) errors.add();
    };
  }

  /** Counts one request to a password back end. */
  readonly countBackendRequest = ({ backend, operation, result, milliseconds }: BackendRequest): void => {
    this.backendRequests.at(backend).at(operation).at(result).add();
    durationsAt(this.backendDurations, backend).add(milliseconds);
  };

  /** Sets the current configuration. @param now milliseconds since the Unix epoch */
  setConfiguration({ hosts }: Configuration, now: number): void {
    this.configurationAppliedAt = now;
    this.keys = hosts.keys;
    this.backends = new Set(hosts.passwords.flatMap(({ backends }) => backends.map(({ kind }) => kind)));
    const ids = new Set(hosts.keys.map(({ id }) => id));
    // A removed key would look like one that is no longer used.
    for (const counts of [this.keyUses, this.offsets]) counts.keepOnly(ids);
  }

  countReload(hasSucceeded: boolean): void {
    this.lastReloadSucceeded = hasSucceeded;
    this.reloads.at(hasSucceeded ? 'success' : 'failure').add();
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
