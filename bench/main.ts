// Runs benchmarks: `npm run bench -- [--smoke] [PART [ARGUMENT…]]`. Without a part, runs those whose tables are in
// docs/performance.md, and updates the page. `--smoke` sends few requests, checks their outcomes and writes no tables.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { setup } from '../test/support/run/machine.js';
import { consume } from './consume.js';
import { passwords } from './passwords.js';
import { roundTrip } from './round-trip.js';
import { hangs } from './servers/hangs.js';
import { servers } from './servers/servers.js';
import { soak } from './soak.js';
import { startUp } from './start-up.js';
import { defer, print, runToEnd, scope } from './support/clean-up.js';
import { compilePrograms, MissingProgramError } from './support/programs.js';
import { storms, terminal } from './terminal.js';
import { throughput } from './throughput.js';

/** Markdown tables by name. */
export type Tables = Readonly<Record<string, string>>;
type Part = (isSmoke: boolean, args: readonly string[]) => Promise<Tables>;

const PAGE = 'docs/performance.md';
const PAGE_PARTS: Record<string, Part> = {
  'round-trip': roundTrip,
  servers,
  throughput,
  'start-up': startUp,
};
const PARTS: Record<string, Part> = { ...PAGE_PARTS, consume, hangs, passwords, soak, storms, terminal };

await runToEnd(async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    options: { smoke: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const [name, ...args] = positionals;
  defer(await setup());
  compilePrograms();
  const machine = describeMachine();
  for (const each of name === undefined ? Object.keys(PAGE_PARTS) : [name]) {
    const part = PARTS[each];
    if (part === undefined)
      throw new Error(`expected one of ${Object.keys(PARTS).join(', ')}; found ${each}`);
    const begin = Date.now();
    const tables = await scope(() => part(values.smoke, args)).catch(skipUnlessCi);
    print(`${each}: ${((Date.now() - begin) / 1000).toFixed(0)} s`);
    if (values.smoke || tables === undefined) continue;
    for (const [title, text] of Object.entries({ machine, ...tables })) print(`\n${title}\n${text}\n`);
    if (each in PAGE_PARTS) await writeTables({ ...tables, machine });
  }
});

function skipUnlessCi(error: unknown): undefined {
  if (!(error instanceof MissingProgramError) || process.env['CI'] === 'true') throw error;
  print(`skipped: ${error.message}`);
}

function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU';
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  return `${cpus().length} × ${model}, Node ${process.version}, load average before the start ${load}`;
}

/** Replaces what the page has between `<!-- NAME -->` and `<!-- /NAME -->`. */
async function writeTables(tables: Tables): Promise<void> {
  let page = readFileSync(PAGE, 'utf8');
  for (const [name, text] of Object.entries(tables)) {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, to] = [page.indexOf(begin), page.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`expected ${begin} and then ${end} in ${PAGE}`);
    page = `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
  }
  const options = await resolveConfig(PAGE);
  writeFileSync(PAGE, await format(page, { ...options, parser: 'markdown' }));
}
