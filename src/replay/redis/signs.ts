import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { DEVIATION_STEPS, TIME_STEP_MILLISECONDS } from '../../credential/otp.js';
import { ReplayCacheError } from '../errors.js';
import { BEGIN_STEP } from './begin-step.js';
import type { Command } from './connection.js';
import { nameOf } from './errors.js';
import { CLOCK_TOLERANCE_MILLISECONDS, expiryOf, type Place, type RedisLayout } from './layout.js';
import { UnexpectedReplyError, parseBegun, type Begun, type Entry } from './replies.js';
import type { RedisSettings } from './settings.js';

/** How long a server is taken for what it was. A failover there and back would have to be done by then to go unnoticed. */
const TRUST_MILLISECONDS = 1000;
/** A week of steps; 2 MB. */
const MAX_STEPS = 20_160;
/** With the length byte and the zero around it, this is as much memory as Redis takes for the shortest string. */
const MARK_BYTES = 4;

/** What was in the hash of a token, and which node of the cluster says so. */
export type Found = Entry & { readonly node: unknown };

/** What the signs of a part of the record hold, on which node of the cluster, and when that said so. */
interface Sign {
  readonly text: string;
  readonly node: unknown;
  readonly seen: number;
}

/** What {@link RedisSigns} works with. */
export interface RedisSignsOptions {
  readonly settings: RedisSettings;
  readonly layout: RedisLayout;
  /** @returns milliseconds since the Unix epoch */
  readonly clock: () => number;
  /** Sends commands; in a cluster, the node's name comes last. */
  readonly run: (commands: readonly Command[]) => Promise<unknown[]>;
}

/** What the signs of steps must hold: where they do, the record of the step is complete (see redis-begin-step.ts). */
export class RedisSigns {
  readonly #options: RedisSignsOptions;
  /** By the name of the part. */
  readonly #signs = new Map<string, Sign>();
  /** Since when each part was complete, at the latest that was ever seen: data of before that are older ones that came back. */
  readonly #epochs = new Map<string, number>();
  readonly #beginning = new Map<string, Promise<void>>();

  constructor(options: RedisSignsOptions) {
    this.#options = options;
  }

  /** Whether the token is entered, and the hash has the sign: both were read at the same instant, from the same server. */
  vouchFor({ part }: Place, { sign, entered, node }: Found): boolean {
    const expected = this.#signs.get(part);
    if (expected === undefined || entered === undefined) return false;
    const isTrusted = performance.now() - expected.seen < TRUST_MILLISECONDS;
    return isTrusted && expected.text === sign && expected.node === node;
  }

  /** Begins the step of a token, where it is not begun yet. Those who need it at the same time do it together. */
  beginStep(place: Place): Promise<void> {
    const name = `${place.part} ${place.timeStep}`;
    const isUnderWay = this.#beginning.get(name);
    if (isUnderWay !== undefined) return isUnderWay;
    const hashes = this.#options.layout.hashesOf(place);
    const startInstant = this.#begin(place.part, place.timeStep, hashes).finally(() =>
      this.#beginning.delete(name),
    );
    this.#beginning.set(name, startInstant);
    return startInstant;
  }

  /** Begins a part of the record. */
  beginPart(part: string): Promise<void> {
    return this.#begin(part, 0, []);
  }

  /** Behind the next connection may be another server, or the same with less in it. */
  release(): void {
    this.#signs.clear();
  }

  async #begin(part: string, timeStep: number, hashes: readonly string[]): Promise<void> {
    const mark = newMark();
    const keys = [`${part}began`, `${part}steps`, ...hashes];
    const limits = [CLOCK_TOLERANCE_MILLISECONDS, TIME_STEP_MILLISECONDS, DEVIATION_STEPS, MAX_STEPS];
    const known = this.#epochs.get(part) ?? 0;
    const args = [timeStep, expiryOf(timeStep), Math.round(this.#options.clock()), ...limits, known, mark];
    const seen = performance.now();
    const [reply, node] = await this.#options.run([['eval', BEGIN_STEP, keys.length, ...keys, ...args]]);
    const begun = parseBegun(reply);
    if (begun.mark !== mark) throw new UnexpectedReplyError();
    this.#assertFit(begun);
    this.#epochs.set(part, Math.max(this.#epochs.get(part) ?? 0, epochOf(begun.sign)));
    this.#signs.set(part, { text: begun.sign, node, seen });
  }

  #assertFit({ now, policy }: Begun): void {
    const name = nameOf(this.#options.settings);
    const difference = this.#options.clock() - now;
    if (Math.abs(difference) > CLOCK_TOLERANCE_MILLISECONDS) {
      const seconds = Math.round(Math.abs(difference) / 1000);
      throw new ReplayCacheError(
        `${name}: the clock of this machine is about ${seconds} s ${difference > 0 ? 'ahead of' : 'behind'} that of Redis: set both right (NTP)`,
      );
    }
    if (policy !== 'noeviction') {
      throw new ReplayCacheError(
        `${name}: when its memory is full, Redis throws used tokens away (maxmemory-policy ${policy}): set maxmemory-policy noeviction`,
      );
    }
  }
}

/** @returns the instant in a sign, in milliseconds since the Unix epoch; 0 if there is none */
function epochOf(sign: string): number {
  return Number(/ (\d{1,16})$/.exec(sign)?.[1] ?? 0);
}

/** @returns a text that nobody else has */
export function newMark(): string {
  return randomBytes(MARK_BYTES).toString('base64url');
}
