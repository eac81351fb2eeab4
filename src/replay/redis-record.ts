import { createHash } from 'node:crypto';
import type { RedisSettings } from './redis-settings.js';
import { DEVIATION_STEPS, STEP_MILLISECONDS } from '../credential/otp.js';
import { RecordError } from './errors.js';
import { BEGIN_STEP } from './redis-begin-step.js';
import { RedisAttempt } from './redis-attempt.js';
import { connectRedis } from './redis-client.js';
import { explainRedisError, nameOf } from './redis-errors.js';
import type { Claim, ReplayRecord, Use } from './replay-record.js';

/** A claim that takes longer is refused, whatever it waits for. */
const CLAIM_TIMEOUT_MILLISECONDS = 900;
/** Longer than a token is remembered anywhere, with clocks that differ as far as they may. */
const SIGN_MILLISECONDS = 240_000;
/** Longer than the sign of its step: as long as that is there, no token is missing. */
const TOKEN_MILLISECONDS = 300_000;
/** How far our clock may be from that of Redis: the horizon is by the latter. */
const CLOCK_TOLERANCE_MILLISECONDS = 10_000;
/** A week of steps; 2 MB. */
const MAX_STEPS = 20_160;

/** More than there are parts of the record, times the steps that are valid at an instant. */
const MAX_SIGNS = 4096;

/** What the server said when it was asked to begin a step: what the sign holds, its time, and its eviction policy. */
type Begun = readonly [sign: string, now: number, policy: string];

/**
 * The record of used credentials in Redis, Valkey or anything that speaks their protocol: for any number of machines. A
 * claim is one `SET … NX PX`; with it comes the sign of the token's step, which says whether the record is still complete
 * (see redis-begin-step.ts).
 */
export class RedisRecord implements ReplayRecord {
  readonly #redis: ReturnType<typeof connectRedis>;
  readonly #settings: RedisSettings;
  readonly #clock: () => number;
  /** What the sign of each step must hold, and on which node of the cluster. */
  readonly #signs = new Map<string, string>();
  readonly #attempt: RedisAttempt;
  #lastError: Error | undefined;

  /**
   * @param settings where the server is; the connection is made at once, and again whenever it is lost
   * @param clock milliseconds since the Unix epoch
   */
  constructor(settings: RedisSettings, clock: () => number = Date.now) {
    this.#settings = settings;
    this.#clock = clock;
    this.#redis = connectRedis(settings);
    this.#attempt = new RedisAttempt(this.#redis);
    this.#redis.on('error', (error: Error) => (this.#lastError = error));
    // Behind a new connection may be another server, or the same with less in it.
    for (const event of ['close', 'end', '-node', 'node error']) {
      this.#redis.on(event, () => {
        this.#signs.clear();
      });
    }
  }

  /** @throws {@link RecordError} where Redis cannot be asked, or gives no answer in time; the token may be spent then */
  async claim(use: Use): Promise<Claim> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error('Command timed out'));
      }, CLAIM_TIMEOUT_MILLISECONDS);
    });
    try {
      return await Promise.race([this.#claim(use), timeout]);
    } catch (error) {
      throw this.#explain(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async forget(use: Use): Promise<void> {
    await this.#redis.del(this.#keysOf(use).token);
  }

  close(): Promise<void> {
    this.#redis.disconnect();
    return Promise.resolve();
  }

  async #claim(use: Use): Promise<Claim> {
    await this.#connected();
    const { token, sign } = this.#keysOf(use);
    const pipeline = this.#redis.pipeline();
    pipeline.set(token, '', 'PX', TOKEN_MILLISECONDS, 'NX').get(sign);
    // In a cluster a replica may take over behind our back.
    if (this.#settings.isCluster) pipeline.cluster('MYID');
    const [entered, ...seen] = resultsOf(await pipeline.exec());
    const expected = this.#signs.get(sign);
    const isComplete = expected === seen.join(' ') || (await this.#begin(use, seen.slice(1)));
    if (!isComplete) return 'before-horizon';
    return entered === 'OK' ? 'claimed' : 'replayed';
  }

  /** Begins the step of a token, where it is not begun yet. @returns false where it is before the horizon */
  async #begin(use: Use, node: readonly unknown[]): Promise<boolean> {
    const { token, sign: signKey, part } = this.#keysOf(use);
    const keys = [`${part}began`, `${part}steps`, signKey, token];
    const args = [
      use.step,
      STEP_MILLISECONDS,
      DEVIATION_STEPS,
      CLOCK_TOLERANCE_MILLISECONDS,
      SIGN_MILLISECONDS,
      MAX_STEPS,
    ];
    const begun = (await this.#redis.eval(BEGIN_STEP, keys.length, ...keys, ...args)) as Begun;
    const [sign, now, policy] = begun;
    this.#assertClock(now);
    if (policy !== 'noeviction') {
      throw new RecordError(
        `${nameOf(this.#settings)}: when its memory is full, Redis throws used tokens away (maxmemory-policy ${policy}): set maxmemory-policy noeviction`,
      );
    }
    if (sign === '') return false;
    if (this.#signs.size > MAX_SIGNS) this.#signs.clear();
    this.#signs.set(signKey, [sign, ...node].join(' '));
    return true;
  }

  #assertClock(now: number): void {
    const difference = this.#clock() - now;
    if (Math.abs(difference) <= CLOCK_TOLERANCE_MILLISECONDS) return;
    const seconds = Math.round(Math.abs(difference) / 1000);
    throw new RecordError(
      `${nameOf(this.#settings)}: the clock of this machine is about ${seconds} s ${difference > 0 ? 'ahead of' : 'behind'} that of Redis: set both right (NTP)`,
    );
  }

  /** Waits for an attempt to connect that is under way; where there is none, the last error is thrown. */
  async #connected(): Promise<void> {
    await this.#attempt.over();
    if (this.#redis.status !== 'ready') throw this.#lastError ?? new Error('Connection is closed.');
  }

  /** A part of the record is what is on one server for sure: in a cluster, all keys with the same text in braces. */
  #keysOf({ id, step }: Use): { token: string; sign: string; part: string } {
    const digest = createHash('sha256').update(id, 'latin1').digest();
    const shard = this.#settings.isCluster ? `{${digest.toString('hex', 0, 1)}}` : '';
    const part = this.#settings.prefix + shard;
    return { token: `${part}token:${digest.toString('base64url')}`, sign: `${part}step:${step}`, part };
  }

  #explain(error: unknown): RecordError {
    if (error instanceof RecordError) return error;
    return new RecordError(`${nameOf(this.#settings)}: ${explainRedisError(error, this.#lastError)}`, {
      cause: error,
    });
  }
}

function resultsOf(replies: [Error | null, unknown][] | null): unknown[] {
  if (replies === null) throw new Error('Connection is closed.');
  return replies.map(([error, result]) => {
    if (error !== null) throw error;
    return result;
  });
}
