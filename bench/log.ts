// How many lines a second the log of decisions writes, by format and by how many decisions there are in one turn of the event
// loop: `npm run bench:log [-- LINES]`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RequestLog } from '../src/log/request-log.js';
import type { CompletedRequest, RequestSink } from '../src/daemon/completed-request.js';
import { openLog } from '../src/log/log.js';

const LINES = Number(process.argv[2] ?? 100_000);
const ACCEPTED: CompletedRequest = {
  listener: '/run/xtokend/xtokend.sock',
  operation: 'auth',
  outcome: 'accepted',
  reason: undefined,
  cause: undefined,
  context: {},
  milliseconds: 0,
};
const ABOUT = { host: 'example.com', key: 'default', offset: 0 };
const directory = mkdtempSync(join(tmpdir(), 'xtokend-bench-'));

async function write(sink: RequestSink, lines: number, linesATurn: number): Promise<void> {
  for (let line = 0; line < lines; line += 1) {
    const context = { jid: `user${line}@example.com`, ...ABOUT };
    sink({ ...ACCEPTED, context, milliseconds: 0.0412 + line / LINES });
    if (line % linesATurn === 0) await nextTurn();
  }
}

for (const format of ['plain', 'json'] as const) {
  for (const linesATurn of [1, 8, 64, 512]) {
    const path = join(directory, `${format}-${linesATurn}`);
    const log = openLog({ target: { kind: 'file', path }, format, level: 'info' }, Date.now);
    const sink = new RequestLog(log).write;
    await write(sink, 5000, linesATurn);
    const begin = performance.now();
    await write(sink, LINES, linesATurn);
    void log.close();
    const rate = LINES / ((performance.now() - begin) / 1000);
    process.stdout.write(`${format}, ${linesATurn} a turn: ${rate.toFixed(0)} lines a second\n`);
  }
}
rmSync(directory, { recursive: true });
