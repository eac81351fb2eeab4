import { chmodSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createConnection, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAppPassword } from '../src/index.js';
import { defer, temporaryDirectory } from './support/clean-up.js';
import { Client } from './support/client.js';
import { format, inRounds, percentiles, spread, table } from './support/figures.js';
import { cacheIn, startDaemon } from './support/programs.js';
import { requests } from './support/requests.js';
import type { Tables } from './main.js';

const TOKENS_HEAD = ['passwords', 'token p50 µs', 'token p99 µs', 'slowest token µs'];
const RATES_HEAD = ['back end', 'right passwords per second', 'mean ms'];
/** How many passwords are being checked at the same time. */
const IN_PROGRESS = 16;
const PASSWORD = 'correct-horse-battery';
const LOGIN = `auth:alice:example.com:${PASSWORD}`;
const WRONG = 'auth:alice:example.com:wrong';
const NO_LIMITS =
  '[passwords.limits]\nuser = 1000000\naddress = 1000000\nuser_from_address = 1000000\nwindow = 1\n';

/** Measures tokens while passwords are being checked, and passwords themselves. */
export async function passwords(isSmoke: boolean): Promise<Tables> {
  const backends = await settingsOfBackends();
  const cases = [
    { name: 'not configured', settings: '', request: undefined },
    { name: 'configured, unused', settings: backends.script, request: undefined },
    { name: `${IN_PROGRESS} hang in a script`, settings: backends.hanging, request: WRONG },
    { name: `${IN_PROGRESS} wait for scrypt`, settings: backends.store, request: WRONG },
  ];
  const rows = [];
  for (const { name, settings, request } of cases)
    rows.push([name, ...(await timeTokens(settings, request, isSmoke))]);
  const rates = [];
  for (const name of ['store', 'script', 'http'] as const) {
    rates.push([name, ...(await ratePasswords(backends[name], isSmoke ? 100 : 3000))]);
  }
  return { tokens: table(TOKENS_HEAD, rows), passwords: table(RATES_HEAD, rates) };
}

async function settingsOfBackends(): Promise<Record<'store' | 'script' | 'hanging' | 'http', string>> {
  const directory = temporaryDirectory();
  const file = join(directory, 'app-passwords');
  await createAppPassword({ file, jid: 'alice@example.com', label: 'bench', password: PASSWORD });
  const script = join(directory, 'check');
  writeFileSync(
    script,
    `#!/bin/sh\nwhile IFS= read -r line; do [ "$line" = '${LOGIN}' ] && echo 1 || echo 0; done\n`,
  );
  const hanging = join(directory, 'hang');
  writeFileSync(hanging, '#!/bin/sh\nexec sleep 60\n');
  for (const path of [script, hanging]) chmodSync(path, 0o755);
  const token = join(directory, 'token');
  writeFileSync(token, 'bearer-token-of-the-benchmark');
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('{"accepted": true}'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  defer(() => Promise.resolve(void server.close()));
  const { port } = server.address() as AddressInfo;
  const settingsOf = (lines: string): string => `[passwords]\n${lines}\n${NO_LIMITS}`;
  return {
    store: settingsOf(`store = "file:${file}"`),
    script: settingsOf(`command = ["${script}"]`),
    hanging: settingsOf(`command = ["${hanging}"]\ntimeout = 1`),
    http: settingsOf(`url = "http://127.0.0.1:${port}/"\ntoken_file = "${token}"`),
  };
}

/** Returns the times of tokens, as cells of a table, while another connection repeats a request. */
async function timeTokens(
  settings: string,
  request: string | undefined,
  isSmoke: boolean,
): Promise<string[]> {
  const { path } = await startDaemon(cacheIn(), settings);
  const client = new Client('socket', path);
  const connection = request === undefined ? undefined : repeat(path, request);
  await sleep(200);
  const rounds = await inRounds([client], isSmoke ? 1 : 5, async (each) =>
    percentiles(await each.sequential(requests(isSmoke ? 100 : 2000))),
  );
  connection?.stop();
  const own = rounds[0] ?? [];
  return (['p50', 'p99', 'worst'] as const).map((name) =>
    spread(
      own.map((each) => each[name]),
      0,
    ),
  );
}

/** Returns how many right passwords are accepted per second, and how long one takes, as cells of a table. */
async function ratePasswords(settings: string, milliseconds: number): Promise<string[]> {
  const { path } = await startDaemon(cacheIn(), settings);
  const { stop } = repeat(path, LOGIN);
  await sleep(milliseconds);
  const { answers, milliseconds: spent } = stop();
  if (answers.includes('0')) throw new Error('expected every password to be accepted');
  const rate = answers.length / (spent / 1000);
  return [format(rate, 0), format((IN_PROGRESS * 1000) / rate, 1)];
}

interface Repetition {
  /** Returns an answer per character, and the time that they took. */
  readonly stop: () => { readonly answers: string; readonly milliseconds: number };
}

/** Sends a request again and again, so that some are always in progress. */
function repeat(path: string, request: string): Repetition {
  const begin = performance.now();
  let answers = '';
  const socket = createConnection(path);
  socket.write(`${request}\n`.repeat(IN_PROGRESS));
  socket
    .on('error', () => undefined)
    .on('data', (data) => {
      const more = data.toString().replaceAll('\n', '');
      answers += more;
      socket.write(`${request}\n`.repeat(more.length));
    });
  return {
    stop: () => {
      socket.destroy();
      return { answers, milliseconds: performance.now() - begin };
    },
  };
}
