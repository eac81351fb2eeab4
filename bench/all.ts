// Everything that docs/performance.md says, in one go: `npm run bench [-- --smoke] [PART…]`, where a part is one of
// those below. The tables go into the page, and to standard output. A smoke run is for the correctness of the benches: it asks
// little, looks at the verdicts only, and writes nothing.
import { parseArgs } from 'node:util';
import { writeTables } from './page/write-tables.js';
import { roundTrip } from './round-trip/section.js';
import { servers } from './servers/section.js';
import { runToEnd, say, withFolder, withState } from './support/clean-up.js';
import { compile } from './support/compile.js';
import { describeMachine } from './support/machine.js';
import type { Section } from './support/section.js';
import { startUp } from './start-up/section.js';
import { throughput } from './throughput/section.js';

const PARTS: Record<string, Section> = { 'round-trip': roundTrip, servers, throughput, 'start-up': startUp };

await runToEnd(async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    options: { smoke: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const names = positionals.length === 0 ? Object.keys(PARTS) : positionals;
  await withState(() => withFolder((directory) => runParts(names, directory, values.smoke)));
});

async function runParts(names: readonly string[], directory: string, isSmoke: boolean): Promise<void> {
  const programs = compile(directory);
  if (programs === undefined) {
    withoutCompiler();
    return;
  }
  const machine = describeMachine();
  for (const name of names) {
    const part = PARTS[name];
    if (part === undefined) throw new Error(`expected ${Object.keys(PARTS).join(', ')}; found ${name}`);
    const begin = Date.now();
    const tables = await part({ programs, directory, isSmoke });
    say(`${name}: ${((Date.now() - begin) / 1000).toFixed(0)} s`);
    if (isSmoke) continue;
    for (const [place, text] of Object.entries(tables)) say(`\n${place}\n${text}\n`);
    await writeTables({ ...tables, machine });
  }
}

function withoutCompiler(): void {
  const message = "the yardstick and the client are in C, and Debian's gcc is not installed";
  if (process.env['CI'] === 'true') throw new Error(`expected gcc: ${message}; .ci/run installs it`);
  say(`skipped: ${message}`);
}
