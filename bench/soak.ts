import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { defer, print } from './support/clean-up.js';
import { format, percentiles, table, target, type Percentiles } from './support/figures.js';
import { descriptorsOf, memoryOf } from './support/process-usage.js';
import { cacheIn, programPath, startDaemon, startListener } from './support/programs.js';
import { requests, splitLines } from './support/requests.js';
import type { Tables } from './main.js';

const COLUMNS = ['p50 µs', 'p99 µs', 'worst µs', 'echo p50 µs', 'echo p99 µs', 'echo worst µs'];
const HEAD = ['minute', ...COLUMNS, 'MB', 'descriptors'];
/** The p99 of the last minute against that of the second. */
const TARGET_RATIO = 1.2;
const DEFAULTS = { minutes: 30, rate: 500 };
const SECOND = 1000;
const TICK_MILLISECONDS = 2;
const ANSWER_MILLISECONDS = 10_000;

/**
 * Shows whether anything slows down or grows: logs in at a steady rate, and sends the same to the echo, which shows how much the
 * machine itself slows down.
 */
export async function soak(isSmoke: boolean, args: readonly string[]): Promise<Tables> {
  const [minutes = DEFAULTS.minutes, rate = DEFAULTS.rate] = args.map(Number);
  if (!Number.isSafeInteger(minutes) || minutes < 2 || !Number.isSafeInteger(rate) || rate < 1) {
    throw new Error('usage: npm run bench -- soak [MINUTES [RATE]], at least 2 minutes');
  }
  const daemon = await startDaemon(cacheIn());
  const echo = await startListener(programPath('echo'));
  const clients = [await PacedClient.open(daemon.path), await PacedClient.open(echo.path)];
  const rows: string[][] = [];
  const p99: number[] = [];
  for (let minute = 1; minute <= minutes; minute += 1) {
    await sendForSeconds(clients, rate, isSmoke ? 1 : 60);
    const figures = clients.map((client) => percentiles(client.takeSamples()));
    p99.push(figures[0]?.p99 ?? Number.NaN);
    const use = [format(memoryOf(daemon.pid).now, 1), String(descriptorsOf(daemon.pid))];
    rows.push([String(minute), ...figures.flatMap(cellsOf), ...use]);
    print(rows.at(-1)?.join(' | ') ?? '');
  }
  const ratio = (p99.at(-1) ?? Number.NaN) / (p99[1] ?? Number.NaN);
  print(`p99 of the last minute / p99 of the second: ${format(ratio, 2)}; ${target([ratio], TARGET_RATIO)}`);
  return { soak: table(HEAD, rows) };
}

function cellsOf({ p50, p99, worst }: Percentiles): string[] {
  return [p50, p99, worst].map((value) => format(value, 0));
}

/** Mints the tokens of a second before it begins. */
async function sendForSeconds(clients: readonly PacedClient[], rate: number, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    const lines = splitLines(requests(rate));
    const begin = performance.now();
    let sent = 0;
    while (sent < rate) {
      const due = Math.min(rate, Math.ceil(((performance.now() - begin) / SECOND) * rate));
      for (const line of lines.slice(sent, due)) for (const client of clients) client.send(line);
      sent = Math.max(sent, due);
      await sleep(TICK_MILLISECONDS);
    }
    await sleep(Math.max(0, SECOND - (performance.now() - begin)));
  }
  for (const client of clients) await client.allAnswered();
}

/** Sends requests without waiting for answers, and measures the time of each. */
class PacedClient {
  readonly #socket: Socket;
  /** When each unanswered request was sent. */
  readonly #waiting: bigint[] = [];
  #samples: number[] = [];
  #error: string | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (answers: string) => {
      this.#receive(answers);
    });
  }

  static async open(path: string): Promise<PacedClient> {
    const socket = connect(path);
    await once(socket, 'connect');
    defer(() => Promise.resolve(void socket.destroy()));
    return new PacedClient(socket);
  }

  /** @throws if an earlier request was not accepted */
  send(request: string): void {
    if (this.#error !== undefined) throw new Error(this.#error);
    this.#waiting.push(process.hrtime.bigint());
    this.#socket.write(request);
  }

  async allAnswered(): Promise<void> {
    const deadline = Date.now() + ANSWER_MILLISECONDS;
    while (this.#waiting.length > 0) {
      if (Date.now() > deadline) throw new Error(`expected answers to ${this.#waiting.length} requests`);
      await sleep(5);
    }
  }

  /** Returns the nanoseconds of each request since the last call. */
  takeSamples(): number[] {
    const samples = this.#samples;
    this.#samples = [];
    return samples;
  }

  #receive(answers: string): void {
    const now = process.hrtime.bigint();
    if (!/^[1\n]+$/.test(answers))
      this.#error = `expected every login to be accepted: ${answers.slice(0, 20)}`;
    for (const character of answers) {
      if (character === '\n') this.#samples.push(Number(now - (this.#waiting.shift() ?? now)));
    }
  }
}
