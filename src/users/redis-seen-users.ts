import { createHash } from 'node:crypto';
import { RedisAttempt } from '../replay/redis-attempt.js';
import { connectRedis } from '../replay/redis-client.js';
import type { RedisSettings } from '../replay/redis-settings.js';
import { explainRedisError, nameOf } from '../replay/redis-errors.js';
import { RecordError } from '../replay/errors.js';
import type { SeenUsers } from './seen-users.js';

/** Those who have logged in before, in Redis: hashes of their JIDs, in 256 sets, so that a cluster can spread them. */
export class RedisSeenUsers implements SeenUsers {
  readonly #settings: RedisSettings;
  readonly #redis: ReturnType<typeof connectRedis>;
  readonly #attempt: RedisAttempt;
  #lastError: Error | undefined;

  /** @param settings where the server is; the connection is made at once, and again whenever it is lost */
  constructor(settings: RedisSettings) {
    this.#settings = settings;
    this.#redis = connectRedis(settings);
    this.#attempt = new RedisAttempt(this.#redis);
    this.#redis.on('error', (error: Error) => (this.#lastError = error));
  }

  has(user: string, host: string): Promise<boolean> {
    const { key, member } = this.#entryOf(user, host);
    return this.#explained(async () => (await this.#redis.sismember(key, member)) === 1);
  }

  async add(user: string, host: string): Promise<void> {
    const { key, member } = this.#entryOf(user, host);
    await this.#explained(() => this.#redis.sadd(key, member));
  }

  close(): Promise<void> {
    this.#redis.disconnect();
    return Promise.resolve();
  }

  #entryOf(user: string, host: string): { key: string; member: string } {
    const digest = createHash('sha256').update(`${user}@${host}`).digest();
    const key = `${this.#settings.prefix}seen:${digest.toString('hex', 0, 1)}`;
    return { key, member: digest.toString('base64url') };
  }

  async #explained<T>(ask: () => Promise<T>): Promise<T> {
    try {
      // The first who asks has had it opened.
      await this.#attempt.over();
      return await ask();
    } catch (error) {
      const reason = explainRedisError(error, this.#lastError);
      throw new RecordError(`${nameOf(this.#settings)}: ${reason}`, { cause: error });
    }
  }
}
