import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** As V8 writes it. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

type Frame = Profile['nodes'][number]['callFrame'];

const MOST_ROWS = 40;
const IDLE = '(idle)';

/** @returns what computes, and for how many microseconds a request, without what it calls; that for the longest first */
export function selfTimes(directory: string, requests: number): [where: string, microseconds: number][] {
  const { nodes, samples, timeDeltas } = readProfile(directory);
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === IDLE) continue;
    const where = placeOf(frame);
    // The time until the next sample is that of this one.
    times.set(where, (times.get(where) ?? 0) + (timeDeltas[index + 1] ?? 0) / requests);
  }
  return [...times].sort(([, a], [, b]) => b - a).slice(0, MOST_ROWS);
}

function readProfile(directory: string): Profile {
  const name = readdirSync(directory).find((file) => file.endsWith('.cpuprofile'));
  if (name === undefined) throw new Error(`expected Node to leave a profile in ${directory}`);
  return JSON.parse(readFileSync(join(directory, name), 'utf8')) as Profile;
}

function placeOf({ functionName, url, lineNumber }: Frame): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (!url.startsWith('file:')) return url === '' ? name : `${name} ${url}`;
  return `${name} ${sourceOf(fileURLToPath(url), lineNumber)}`;
}

const files = new Map<string, string[]>();

/** esbuild writes the name of each source file above what it takes from it. */
function sourceOf(bundle: string, line: number): string {
  const lines = files.get(bundle) ?? readFileSync(bundle, 'utf8').split('\n');
  files.set(bundle, lines);
  const mark = lines.slice(0, line + 1).findLast((text) => /^\/\/ (src|node_modules)\//.test(text));
  return mark?.slice('// '.length) ?? bundle;
}
