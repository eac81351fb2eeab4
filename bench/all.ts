// Everything that docs/performance.md says, in one go: `npm run bench [-- --smoke] [PART…]`, where a part is one of
// those below. The tables go into the page, and to standard output. A smoke run is for the correctness of the benches: it asks
// little, looks at the verdicts only, and writes nothing.
import { parseArgs } from 'node:util';
import { setup } from '../test/support/machine.js';
import { writeTables } from './page/write-tables.js';
import { roundTrip } from './round-trip/section.js';
import { servers } from './servers/section.js';
import { runToEnd, say, thenStopped, withFolder } from './support/clean-up.js';
import { compile } from './support/compile.js';
import { describeMachine } from './support/machine.js';
import type { Section } from './support/section.js';

const PARTS: Record<string, Section> = { 'round-trip': roundTrip, servers };

await runToEnd(async () => {
  const { values, positionals } = parseArgs({
    options: { smoke: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const names = positionals.length === 0 ? Object.keys(PARTS) : positionals;
  const removeState = await setup();
  await thenStopped(() => Promise.resolve(removeState()), () => withFolder((folder) => runParts(names, folder, values.smoke)));
});

async function runParts(names: readonly string[], folder: string, isSmoke: boolean): Promise<void> {
  const programs = compile(folder);
  if (programs === undefined) return withoutCompiler();
  const machine = describeMachine();
  for (const name of names) {
    const part = PARTS[name];
    if (part === undefined) throw new Error(`expected ${Object.keys(PARTS).join(', ')}; found ${name}`);
    const begin = Date.now();
    const tables = await part({ programs, folder, isSmoke });
    say(`${name}: ${((Date.now() - begin) / 1000).toFixed(0)} s`);
    for (const [place, text] of Object.entries(tables)) say(`\n${place}\n${text}\n`);
    if (!isSmoke) await writeTables({ ...tables, machine });
  }
}

function withoutCompiler(): void {
  const message = "the yardstick and the client are in C, and Debian's gcc is not installed";
  if (process.env['CI'] === 'true') throw new Error(`expected gcc: ${message}; .ci/run installs it`);
  say(`skipped: ${message}`);
}
