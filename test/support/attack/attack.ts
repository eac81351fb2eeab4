import { EventEmitter, once } from 'node:events';
import { TIME_STEP_MILLISECONDS } from '../../../src/credential/otp.js';
import type { Clock } from '../system/clock.js';
import { mintFast } from '../many-tokens.js';
import { StreamedProcess } from './streamed-process.js';

const PROCESSES = 5;
/** How many requests a process has at once. */
const WINDOW = 64;
/** How many accepted tokens a new process gets first. */
const AGAIN = 50;
const NEW_SHARE = 0.45;
/** What a process may be limited to: few open files, or files of a random size (in units of 512 bytes). */
const limits = [
  (): string => ':',
  (): string => ':',
  (): string => 'ulimit -n 32',
  (): string => `ulimit -f ${1 + Math.floor(Math.random() * 60)}`,
];

function pick<T>(values: readonly T[]): T {
  const value = values[Math.floor(Math.random() * values.length)];
  if (value === undefined) throw new Error('expected a value');
  return value;
}

/** Returns values in random order. */
export function shuffle<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ value }) => value);
}

/** An instant of the clock to which it may return, and the tokens that were sent then. */
interface Moment {
  readonly instant: number;
  readonly tokens: string[];
}

/** Several processes with requests streaming in, and a clock that all of them use. Counts how often each token is accepted. */
export class Attack {
  readonly counts: Record<
    'requests' | 'accepted' | 'acceptedTwice' | 'kills' | 'restarts' | 'jumps' | 'crashes',
    number
  > = {
    requests: 0,
    accepted: 0,
    acceptedTwice: 0,
    kills: 0,
    restarts: 0,
    jumps: 0,
    crashes: 0,
  };
  /** How often each message was logged. */
  readonly messages: Map<string, number> = new Map<string, number>();
  /** What happened last before a token was accepted twice. */
  readonly faults: string[] = [];
  readonly #env: NodeJS.ProcessEnv;
  readonly #clock: Clock;
  readonly #accepted = new Map<string, string>();
  readonly #answers = new EventEmitter();
  readonly #history: string[] = [];
  readonly #moments: Moment[] = [];
  #processes: (StreamedProcess | undefined)[] = Array.from({ length: PROCESSES }, () => undefined);
  #moment: Moment;
  /** The latest instant of the clock so far. */
  #latest = 0;
  #isStreaming = true;

  constructor(config: string, clock: Clock) {
    this.#env = { XTOKEND_CONFIG: config, ...clock.env };
    this.#clock = clock;
    this.#moment = this.#enter(clock.now());
    for (let slot = 0; slot < PROCESSES; slot += 1) this.start(slot);
  }

  /** Resolves after some more answers. */
  async answers(count: number): Promise<void> {
    for (const end = this.counts.requests + count; this.counts.requests < end;)
      await once(this.#answers, 'answer');
  }

  note(event: string): void {
    this.#history.push(`${new Date().toISOString()} ${event}`);
    if (this.#history.length > 60) this.#history.shift();
  }

  start(slot: number): void {
    const limit = pick(limits)();
    const process = new StreamedProcess(this.#env, limit, {
      onAnswer: (token, isAccepted) => {
        this.#count(token, isAccepted, `process ${slot} (${process.pid}, ${limit})`);
        this.#fill(process);
      },
      onLog: (line) => {
        this.#log(line);
      },
      onCrash: (how) => {
        this.counts.crashes += 1;
        this.note(`crash of ${slot}, ${limit}: ${how}`);
        this.#log(`crash, ${limit.slice(0, 9)}: ${how}`);
        if (this.#processes[slot] === process) this.start(slot);
      },
    });
    this.note(`start ${slot} ${process.pid} ${limit}`);
    this.#processes[slot] = process;
    process.send(this.#moment.tokens.filter((token) => this.#accepted.has(token)).slice(-AGAIN));
    this.#fill(process);
  }

  /** Ends a process. */
  async end(slot: number, how: 'kill' | 'terminate'): Promise<void> {
    const process = this.#processes[slot];
    if (process === undefined) return;
    this.#processes[slot] = undefined;
    this.note(`${how} ${slot}`);
    this.counts[how === 'kill' ? 'kills' : 'restarts'] += 1;
    this.#moment.tokens.push(...(await process.end(how)).slice(0, AGAIN));
  }

  /** Ends one of the processes, and starts another. */
  async replace(how: 'kill' | 'terminate'): Promise<void> {
    const slot = Math.floor(Math.random() * PROCESSES);
    await this.end(slot, how);
    this.start(slot);
  }

  /** Does something while the requests go on. */
  async during(event: string, act: () => Promise<void> | void): Promise<void> {
    this.note(`${event}: start`);
    await act();
    this.note(`${event}: end`);
  }

  /** Kills what is left when a test fails. */
  async stop(): Promise<void> {
    this.#isStreaming = false;
    await Promise.all([...this.#processes.keys()].map((slot) => this.end(slot, 'kill')));
  }

  /** Returns how often each message was logged, the most frequent first. */
  summary(): string {
    const messages = [...this.messages].sort(([, a], [, b]) => b - a);
    return messages.map(([message, count]) => `${count}\t${message}`).join('\n');
  }

  /** Ends all processes, does something, and starts them again. */
  async whileStopped(act: () => void): Promise<void> {
    const slots = [...this.#processes.keys()];
    await Promise.all(slots.map((slot) => this.end(slot, Math.random() < 0.5 ? 'kill' : 'terminate')));
    act();
    for (const slot of slots) this.start(slot);
  }

  /** Sets the clock further ahead than ever, which is where no time step was used. */
  jumpAhead(): void {
    this.#latest = Math.max(this.#latest, this.#clock.now());
    this.#jump(this.#latest + TIME_STEP_MILLISECONDS * (3 + Math.floor(Math.random() * 200)));
  }

  /** Sets the clock back to an earlier moment, of which tokens are sent again. */
  jumpBack(): void {
    this.#moment = pick(this.#moments.slice(-8));
    this.#jump(this.#moment.instant, this.#moment);
  }

  /** Sets the clock by less than the validity of a token. */
  jumpNear(): void {
    const moment = this.#moment;
    this.#jump(this.#clock.now() + (Math.random() - 0.5) * 4 * TIME_STEP_MILLISECONDS, moment);
  }

  /** Sends all tokens of the last moments to new processes once more. */
  async finish(): Promise<void> {
    this.#isStreaming = false;
    await Promise.all([...this.#processes.keys()].map((slot) => this.end(slot, 'terminate')));
    for (const moment of this.#moments.slice(-12)) {
      this.#jump(moment.instant, moment);
      this.start(0);
      const [process] = this.#processes;
      process?.send(moment.tokens);
      await process?.end('close');
    }
  }

  #jump(instant: number, moment?: Moment): void {
    this.counts.jumps += 1;
    this.#latest = Math.max(this.#latest, this.#clock.now());
    this.#clock.set(Math.round((instant - Date.now()) / 1000));
    this.note(`clock ${new Date(this.#clock.now()).toISOString()}`);
    this.#moment = moment ?? this.#enter(instant);
  }

  #enter(instant: number): Moment {
    const moment = { instant, tokens: [] };
    this.#moments.push(moment);
    return moment;
  }

  #fill(process: StreamedProcess): void {
    if (!this.#isStreaming || process.pending > WINDOW / 2) return;
    process.send(Array.from({ length: WINDOW / 2 }, () => this.#next()));
  }

  #next(): string {
    const { tokens } = this.#moment;
    if (tokens.length > 0 && Math.random() > NEW_SHARE)
      return pick(Math.random() < 0.5 ? tokens.slice(-100) : tokens);
    const deviation = Math.floor(Math.random() * 3) - 1;
    const token = mintFast(this.#clock.now() + deviation * TIME_STEP_MILLISECONDS);
    tokens.push(token);
    return token;
  }

  #count(token: string, isAccepted: boolean, by: string): void {
    this.counts.requests += 1;
    if (isAccepted) {
      const before = this.#accepted.get(token);
      const now = `${new Date().toISOString()} by ${by}, clock ${new Date(this.#clock.now()).toISOString()}`;
      this.#accepted.set(token, now);
      if (before === undefined) this.counts.accepted += 1;
      else this.#report(`${token.slice(0, 40)}: accepted ${before}, and again ${now}`);
    }
    this.#answers.emit('answer');
  }

  #report(fault: string): void {
    this.counts.acceptedTwice += 1;
    if (this.faults.length < 5) this.faults.push([fault, ...this.#history].join('\n  '));
  }

  #log(line: string): void {
    if (/ info (?:accepted|refused|started) /.test(line)) return;
    const message = line.replace(/^\S+Z /, '').replaceAll(/\d+/g, 'N');
    this.messages.set(message, (this.messages.get(message) ?? 0) + 1);
  }
}
