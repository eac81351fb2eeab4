import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEVIATION_STEPS, TIME_STEP_MILLISECONDS } from '../../credential/otp.js';
import { ReplayCacheError } from '../errors.js';
import type { Command } from './connection.js';
import { nameOf } from './errors.js';
import { CLOCK_TOLERANCE_MILLISECONDS, expiryOf, RedisLayout, type Place } from './layout.js';
import { parseStart, type Entry, type StartReply } from './replies.js';
import type { RedisSettings } from './settings.js';

/** How long a stamp stays trusted. A failover there and back within this time would go unnoticed. */
const TRUST_MILLISECONDS = 1000;
const RETRY_MILLISECONDS = 1000;
/** A week of time steps; 2 MB. */
const MAX_TIME_STEPS = 20_160;
/** With its length byte and terminator, this takes as much memory as the shortest string of Redis. */
const MARK_BYTES = 4;

/**
 * Starts a time step on the Redis server that has its tokens, and returns the present epoch stamp. A consume needs no script unless it
 * finds another stamp than expected, or the stamp has not been read for a second: when a time step starts, and when the data changes.
 *
 * - `epoch` holds the stamp: the server's run (run_id) and history (master_replid), how many times databases were swapped (SWAPDB),
 *   and the cache epoch. It is missing after a flush or a start without data. It names another server after a restart or a failover,
 *   either of which may have lost the last writes. After a failover there and back, the run is the same but the history is not.
 *   A database that was swapped away and back lacks what was written meanwhile; the server counts the swaps. CONFIG RESETSTAT resets that
 *   count, so each process also sends the latest cache epoch that it has seen: an earlier one is that of older data.
 * - `steps` holds the time steps that were ever started. A time step is started once.
 * - The hashes of a time step hold its tokens, and the stamp of when it was started. Both exist or neither does: they expire together, by
 *   the clock of Redis. If a consume creates an expired hash again, it has no stamp; its time step is in `steps`, and not started again.
 *
 * KEYS: epoch, steps, the hashes of the time step. Without hashes, only the epoch starts.
 * ARGV: the time step, when its hashes expire, our time, how far clocks may differ, the length of a time step (all in ms), the deviation in
 * time steps, how many time steps are kept, the latest cache epoch that this process has seen (in ms), the mark of this call.
 * Returns the mark, the stamp (empty if the server is not usable), the time of Redis in ms, and its eviction policy.
 */
const START_TIME_STEP = `
local function find(section, pattern) return string.match(redis.call('INFO', section), pattern) or '' end
local step, expiry, client, tolerance = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local policy = find('memory', 'maxmemory_policy:([%w-]+)')
for index = 3, #KEYS do redis.call('PEXPIREAT', KEYS[index], expiry) end
if math.abs(client - now) > tolerance or policy ~= 'noeviction' then return { ARGV[9], '', now, policy } end

local server = find('server', 'run_id:(%w+)') .. '-' .. find('replication', 'master_replid:(%w+)')
local swaps, known = find('commandstats', 'cmdstat_swapdb:calls=(%d+)'), tonumber(ARGV[8])
if swaps ~= '' then server = server .. '-' .. swaps end
local stamp = redis.call('GET', KEYS[1])
local earlier = tonumber(string.match(stamp or '', ' (%d+)$')) or 0
if not stamp or string.match(stamp, '^%S*') ~= server or earlier < known then
    stamp = string.format('%s %.0f', server, math.max(now, client, earlier, known))
    redis.call('SET', KEYS[1], stamp)
end
local answer = { ARGV[9], stamp, now, policy }
local epoch = tonumber(string.match(stamp, '%d+$'))
if #KEYS == 2 or tonumber(expiry) <= now then return answer end
if step <= math.floor((epoch + tolerance) / ARGV[5]) + ARGV[6] then return answer end

local isFull = redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[7])
if isFull and step < tonumber(redis.call('ZRANGE', KEYS[2], 0, 0)[1]) then return answer end
if redis.call('ZADD', KEYS[2], 'NX', step, step) == 0 then return answer end
for index = 3, #KEYS do
    redis.call('HSET', KEYS[index], 'epoch', stamp)
    redis.call('PEXPIREAT', KEYS[index], expiry)
end
if isFull then redis.call('ZPOPMIN', KEYS[2]) end
return answer
`;

/** What the hash of a token holds, and the cluster node that replied. */
export type Found = Entry & { readonly node: unknown };

/** The present stamp of a part, the cluster node that it was read from, and when. */
interface Expected {
  readonly stamp: string;
  readonly node: unknown;
  readonly readAt: number;
}

/** Options of {@link RedisEpochs}. */
export interface RedisEpochsOptions {
  readonly settings: RedisSettings;
  readonly layout: RedisLayout;
  /** Returns milliseconds since the Unix epoch. */
  readonly clock: () => number;
  /** Sends commands. In a cluster, the last reply is the name of the node. */
  readonly run: (commands: readonly Command[]) => Promise<unknown[]>;
}

/** Knows the epoch stamp of each part: the data of a time step is complete if its hashes have that stamp. */
export class RedisEpochs {
  readonly #options: RedisEpochsOptions;
  /** By part. */
  readonly #expected = new Map<string, Expected>();
  /** The latest cache epoch of each part: data with an earlier one is older data that has come back. */
  readonly #latest = new Map<string, number>();
  readonly #starting = new Map<string, Promise<void>>();
  #missing = new Set<string>();
  #isStopped = false;

  constructor(options: RedisEpochsOptions) {
    this.#options = options;
  }

  /** Returns whether an entry is complete. The stamp and the mark were read at the same instant, from the same server. */
  isComplete({ part }: Place, { stamp, mark, node }: Found): boolean {
    const expected = this.#expected.get(part);
    if (expected === undefined || mark === undefined) return false;
    const isTrusted = performance.now() - expected.readAt < TRUST_MILLISECONDS;
    return isTrusted && expected.stamp === stamp && expected.node === node;
  }

  /** Starts the time step of a token, if that has not happened yet. Concurrent calls share one request. */
  startTimeStep(place: Place): Promise<void> {
    const { part, timeStep } = place;
    const name = `${part} ${timeStep}`;
    const start = (): Promise<void> => this.#start(part, timeStep, this.#options.layout.hashesOf(place));
    const starting = this.#starting.get(name) ?? start().finally(() => this.#starting.delete(name));
    this.#starting.set(name, starting);
    return starting;
  }

  /** Starts the epoch of each part as soon as possible, not at its first login, which may come much later. Retries. */
  startAll(): void {
    const isBusy = this.#missing.size > 0;
    this.#missing = new Set(this.#options.layout.parts);
    if (!isBusy) void this.#startMissing();
  }

  /** Drops the stamps: the next connection may be to another server, or to the same server with less data. */
  drop(): void {
    this.#expected.clear();
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #startMissing(): Promise<void> {
    while (this.#missing.size > 0 && !this.#isStopped) {
      const missing = this.#missing;
      const starts = [...missing].map((part) => this.#start(part, 0, []).then(() => missing.delete(part)));
      // A login meanwhile reports what is wrong.
      await Promise.allSettled(starts);
      if (this.#missing.size > 0) await sleep(RETRY_MILLISECONDS, undefined, { ref: false });
    }
  }

  async #start(part: string, timeStep: number, hashes: readonly string[]): Promise<void> {
    const mark = newMark();
    const keys = [`${part}epoch`, `${part}steps`, ...hashes];
    const limits = [CLOCK_TOLERANCE_MILLISECONDS, TIME_STEP_MILLISECONDS, DEVIATION_STEPS, MAX_TIME_STEPS];
    const latest = this.#latest.get(part) ?? 0;
    const args = [timeStep, expiryOf(timeStep), Math.round(this.#options.clock()), ...limits, latest, mark];
    const readAt = performance.now();
    const [reply, node] = await this.#options.run([['eval', START_TIME_STEP, keys.length, ...keys, ...args]]);
    const started = parseStart(reply, mark);
    this.#assertUsable(started);
    this.#latest.set(part, Math.max(this.#latest.get(part) ?? 0, epochOf(started.stamp)));
    this.#expected.set(part, { stamp: started.stamp, node, readAt });
  }

  #assertUsable({ now, policy }: StartReply): void {
    const name = nameOf(this.#options.settings);
    const difference = this.#options.clock() - now;
    if (Math.abs(difference) > CLOCK_TOLERANCE_MILLISECONDS) {
      const seconds = Math.round(Math.abs(difference) / 1000);
      const direction = difference > 0 ? 'ahead of' : 'behind';
      const message = `the clock of this machine is about ${seconds} s ${direction} that of Redis: correct both (NTP)`;
      throw new ReplayCacheError(`${name}: ${message}`);
    }
    if (policy !== 'noeviction') {
      throw new ReplayCacheError(
        `${name}: when its memory is full, Redis evicts used tokens (maxmemory-policy ${policy}): set maxmemory-policy noeviction`,
      );
    }
  }
}

/** Returns the cache epoch of a stamp, in milliseconds since the Unix epoch; 0 if there is none. */
function epochOf(stamp: string): number {
  return Number(/ (\d{1,16})$/.exec(stamp)?.[1] ?? 0);
}

/** Returns a text that nobody else has. */
export function newMark(): string {
  return randomBytes(MARK_BYTES).toString('base64url');
}
