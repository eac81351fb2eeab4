// How many lines a second the log of decisions writes, by format and by how many decisions there are in one turn of the event
// loop: `npm run bench:log [-- LINES]`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DecisionLog } from '../src/operations/decision-log.js';
import type { Decision, DecisionSink } from '../src/operations/decision.js';
import { openLog } from '../src/operations/log.js';

const LINES = Number(process.argv[2] ?? 100_000);
const ACCEPTED: Decision = {
  listener: '/run/xtokend/xtokend.sock',
  operation: 'auth',
  outcome: 'accepted',
  reason: undefined,
  cause: undefined,
  about: {},
  milliseconds: 0,
};
const ABOUT = { host: 'example.com', key: 'default', offset: 0 };
const folder = mkdtempSync(join(tmpdir(), 'xtokend-bench-'));

async function write(sink: DecisionSink, lines: number, linesATurn: number): Promise<void> {
  for (let line = 0; line < lines; line += 1) {
    const about = { jid: `user${line}@example.com`, ...ABOUT };
    sink({ ...ACCEPTED, about, milliseconds: 0.0412 + line / LINES });
    if (line % linesATurn === 0) await nextTurn();
  }
}

for (const format of ['plain', 'json'] as const) {
  for (const linesATurn of [1, 8, 64, 512]) {
    const path = join(folder, `${format}-${linesATurn}`);
    const log = openLog({ target: { kind: 'file', path }, format, level: 'info' }, Date.now);
    const sink = new DecisionLog(log).write;
    await write(sink, 5000, linesATurn);
    const begin = performance.now();
    await write(sink, LINES, linesATurn);
    void log.close();
    const rate = LINES / ((performance.now() - begin) / 1000);
    process.stdout.write(`${format}, ${linesATurn} a turn: ${rate.toFixed(0)} lines a second\n`);
  }
}
rmSync(folder, { recursive: true });
