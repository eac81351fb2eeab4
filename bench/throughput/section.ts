import { differences, format, median, ratios, spread } from '../support/figures.js';
import type { SectionOptions } from '../support/section.js';
import { withDaemon, withListener, type DaemonSettings, type Listener } from '../support/subjects.js';
import { markdownTable } from '../support/table.js';
import { key } from '../../test/support/keys.js';
import { floodAll, type Flooded } from './floods.js';
import { keyRing } from './key-ring.js';

const HEAD = ['', 'requests a second of CPU', 'requests a second', 'µs of CPU a request', 'beside the echo'];
const KEY_HEAD = ['keys', 'µs of CPU a request', 'beside one key', 'for each added key'];
const SHARED_MEMORY = '/dev/shm';
const KEYS = [1, 2, 4, 8];

const FULL = { count: 20_000, rounds: 5 };
const SMOKE = { count: 160, rounds: 1 };

type Subject = Omit<Flooded, 'listener' | 'rounds'>;
type Lend = <Result>(action: (listener: Listener) => Promise<Result>) => Promise<Result>;

/** Many requests at once over a socket, with all that a daemon has in service. */
export async function throughput(options: SectionOptions): Promise<Record<string, string>> {
  return { throughput: await compareStores(options), keys: await compareKeys(options) };
}

function compareStores(options: SectionOptions): Promise<string> {
  const { directory } = options;
  const node = [process.execPath, 'bench/throughput/node-echo.js'];
  const subjects: [Subject, Lend][] = [
    echo('echo in Node', directory, node),
    ours('record in the memory', { directory }),
    ours('record in a directory on tmpfs', { directory, recordIn: SHARED_MEMORY }),
    ours('record in a directory on disk', { directory, recordIn: directory }),
  ];
  return withAll(subjects, async (all) => {
    await measure(options, all);
    const [bare] = all;
    return markdownTable(
      HEAD,
      all.map((each) => rowOf(each, bare)),
    );
  });
}

function compareKeys(options: SectionOptions): Promise<string> {
  const { directory } = options;
  const subjects = KEYS.map((count) => {
    const { last, more } = keyRing(count);
    return ours(String(count), { directory, more }, last);
  });
  return withAll(subjects, async (all) => {
    await measure(options, all);
    const [one] = all;
    return markdownTable(
      KEY_HEAD,
      all.map((each, index) => keyRowOf(each, one, KEYS[index] ?? 1)),
    );
  });
}

function measure(options: SectionOptions, all: readonly Flooded[]): Promise<void> {
  const { count, rounds } = options.isSmoke ? SMOKE : FULL;
  return floodAll(options, all, count, rounds);
}

function echo(name: string, directory: string, command: readonly string[]): [Subject, Lend] {
  return [{ name, key, isEcho: true }, (action) => withListener(directory, command, action)];
}

function ours(name: string, settings: DaemonSettings, signer = key): [Subject, Lend] {
  return [{ name, key: signer, isEcho: false }, (action) => withDaemon(settings, action)];
}

/** Lends all of them at the same time, so that they can take turns. */
function withAll<Result>(
  [next, ...others]: readonly [Subject, Lend][],
  action: (all: readonly Flooded[]) => Promise<Result>,
  before: readonly Flooded[] = [],
): Promise<Result> {
  if (next === undefined) return action(before);
  const [subject, lend] = next;
  return lend((listener) => withAll(others, action, [...before, { ...subject, listener, rounds: [] }]));
}

function rowOf(each: Flooded, bare: Flooded | undefined): string[] {
  return [
    each.name,
    spread(
      each.rounds.map(({ cpu }) => cpu),
      0,
    ),
    spread(
      each.rounds.map(({ wall }) => wall),
      0,
    ),
    spread(costsOf(each), 2),
    each === bare ? '' : spread(ratios(costsOf(each), costsOf(bare)), 0),
  ];
}

function keyRowOf(each: Flooded, one: Flooded | undefined, count: number): string[] {
  const own = costsOf(each);
  const added = differences(
    ratios(own, costsOf(one)),
    own.map(() => 1),
  ).map((all) => all / (count - 1));
  return [
    each.name,
    spread(own, 2),
    count === 1 ? '' : spread(ratios(own, costsOf(one)), 2),
    count === 1 ? '' : `${format(median(added) * 100, 1)} %`,
  ];
}

/** @returns microseconds of CPU for each request, by round */
function costsOf(flooded: Flooded | undefined): number[] {
  return flooded?.rounds.map(({ cpu }) => 1e6 / cpu) ?? [];
}
