import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { DURATION_BOUNDS, type Counts, type Durations } from './instruments.js';
import type { MeasuredStore } from './measurements.js';

/** A metric that a registry of prom-client reads at each scrape. */
export type Collector = Parameters<Registry['registerMetric']>[0];

/** A value and its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** If it differs from the name of the metric, as in a histogram. */
  readonly metricName?: string;
}

type Read = () => readonly Sample[] | Promise<readonly Sample[]>;

/** How long a scrape waits for the number of entries before it returns the previous one. */
const COUNT_MILLISECONDS = 1000;

/** Exposes counts that have exactly these labels. */
export function counter(name: string, help: string, labelNames: string[], counts: Counts): Collector {
  return collector('counter', name, help, () =>
    counts.rows().flatMap(({ labels, count }) =>
      // There is no row of this depth before the first event.
      labels.length < labelNames.length
        ? []
        : {
            labels: Object.fromEntries(labelNames.map((label, index) => [label, labels[index] ?? ''])),
            value: count,
          },
    ),
  );
}

/** Exposes samples that are read at each scrape. */
export function gauge(name: string, help: string, read: Read): Collector {
  return collector('gauge', name, help, read);
}

/** Exposes durations by the value of one label. */
export function histogram(
  name: string,
  help: string,
  labelName: string,
  table: ReadonlyMap<string, Durations>,
): Collector {
  const samplesOf = ([label, durations]: [string, Durations]): Sample[] => {
    const counts = durations.cumulative();
    const sample = (suffix: string, value: number, le?: string): Sample => ({
      metricName: `${name}_${suffix}`,
      labels: { [labelName]: label, ...(le !== undefined && { le }) },
      value,
    });
    return [
      ...counts.map((count, bucket) => sample('bucket', count, String(DURATION_BOUNDS[bucket] ?? '+Inf'))),
      sample('sum', durations.sum),
      sample('count', counts.at(-1) ?? 0),
    ];
  };
  return collector('histogram', name, help, () => [...table].flatMap(samplesOf));
}

function collector(type: string, name: string, help: string, read: Read): Collector {
  const get = async (): Promise<object> => ({ name, help, type, values: await read() });
  // The types of prom-client allow only its own classes, which keep counts of their own; its registry calls nothing but get().
  return { name, get } as unknown as Collector;
}

/**
 * Returns a function that counts the entries of the current store, one count at a time. It returns no sample if the store can't
 * count them.
 */
export function countEntries(storeOf: () => MeasuredStore | undefined): () => Promise<readonly Sample[]> {
  let last: { readonly store: MeasuredStore; readonly count: number } | undefined;
  let counting: Promise<void> | undefined;
  const count = async (store: MeasuredStore): Promise<void> => {
    try {
      const entries = await store.cache.count?.();
      last = entries === undefined ? undefined : { store, count: entries };
    } catch {
      // The log has the cause: consume() fails, too.
      last = undefined;
    } finally {
      counting = undefined;
    }
  };
  return async () => {
    const store = storeOf();
    if (store === undefined) return [];
    counting ??= count(store);
    await Promise.race([counting, sleep(COUNT_MILLISECONDS, undefined, { ref: false })]);
    return last?.store === store ? [{ labels: { store: store.kind }, value: last.count }] : [];
  };
}
