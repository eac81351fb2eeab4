import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Counts } from './counts.js';
import { DURATION_BOUNDS, type Durations } from './durations.js';

/** What a metric is called, and what it means. */
export interface Naming<Label extends string = never> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
}

/** Shows counts as a counter, as they are when somebody asks. */
export function exposeCounts(registry: Registry, naming: Naming<string>, counts: Counts): void {
  const { name, help, labelNames = [] } = naming;
  new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, count } of counts.rows()) {
        // Where nothing was counted yet.
        if (labels.length < labelNames.length) continue;
        this.inc(Object.fromEntries(labelNames.map((label, index) => [label, labels[index] ?? ''])), count);
      }
    },
  });
}

/** Shows a number, or one for each of several labels, as they are when somebody asks. */
export function exposeGauge<Label extends string>(
  registry: Registry,
  { name, help, labelNames = [] }: Naming<Label>,
  read: () => Iterable<Reading<Label>> | Promise<Iterable<Reading<Label>>>,
): void {
  new Gauge<Label>({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    async collect() {
      const readings = await read();
      this.reset();
      for (const [labels, value] of readings) this.set(labels, value);
    },
  });
}

/** A number, and the labels that it has. */
export type Reading<Label extends string> = readonly [labels: Record<Label, string>, value: number];

/** Shows durations as a histogram, one for each value of a label. */
export function exposeDurations(
  registry: Registry,
  naming: Naming & { readonly label: string },
  table: ReadonlyMap<string, Durations>,
): void {
  new DurationHistogram(registry, naming, table);
}

type Exposed = Awaited<ReturnType<Histogram['get']>>;

/** A histogram of prom-client can only count for itself; this one shows what was counted elsewhere. */
class DurationHistogram extends Histogram {
  readonly #naming: Naming & { readonly label: string };
  readonly #table: ReadonlyMap<string, Durations>;

  constructor(
    registry: Registry,
    naming: Naming & { readonly label: string },
    table: ReadonlyMap<string, Durations>,
  ) {
    super({ name: naming.name, help: naming.help, labelNames: [naming.label], registers: [registry] });
    this.#naming = naming;
    this.#table = table;
  }

  /** The registry asks for this. */
  getForPromString(): Promise<Exposed> {
    return this.get();
  }

  override get(): Promise<Exposed> {
    const { name, help } = this.#naming;
    const values = [...this.#table].flatMap(([label, durations]) => this.#rows(label, durations));
    const exposed = { name, help, type: 'histogram', aggregator: 'sum', values };
    // The types of prom-client say that the type is a number. It is not.
    return Promise.resolve(exposed as unknown as Exposed);
  }

  #rows(value: string, durations: Durations): Exposed['values'] {
    const { name, label } = this.#naming;
    const counts = durations.cumulative();
    const row = (suffix: string, number: number, le?: string): Exposed['values'][number] => ({
      metricName: `${name}_${suffix}`,
      labels: { [label]: value, ...(le !== undefined && { le }) },
      value: number,
    });
    return [
      ...counts.map((count, bucket) => row('bucket', count, String(DURATION_BOUNDS[bucket] ?? '+Inf'))),
      row('sum', durations.sum),
      row('count', counts.at(-1) ?? 0),
    ];
  }
}
