import { createHash } from 'node:crypto';
import { RedisConnection, type Command } from './connection.js';
import { parseFlag } from './replies.js';
import type { RedisSettings } from './settings.js';
import type { SeenUsers } from '../../users/seen-users.js';

/** Those who have logged in before, in Redis: hashes of their JIDs, in 256 sets, so that a cluster can spread them. */
export class RedisSeenUsers implements SeenUsers {
  readonly #prefix: string;
  readonly #connection: RedisConnection;

  /** @param settings where the server is; the connection is made at once, and again whenever it is lost */
  constructor(settings: RedisSettings) {
    this.#prefix = settings.prefix;
    this.#connection = new RedisConnection(settings, { onReady: () => undefined, onLost: () => undefined });
  }

  async has(user: string, host: string): Promise<boolean> {
    return this.#ask('sismember', user, host);
  }

  async add(user: string, host: string): Promise<void> {
    await this.#ask('sadd', user, host);
  }

  close(): Promise<void> {
    this.#connection.close();
    return Promise.resolve();
  }

  #ask(name: 'sismember' | 'sadd', user: string, host: string): Promise<boolean> {
    const digest = createHash('sha256').update(`${user}@${host}`).digest();
    const key = `${this.#prefix}seen:${digest.toString('hex', 0, 1)}`;
    const command: Command = [name, key, digest.toString('base64url')];
    return this.#connection.ask(async () => parseFlag((await this.#connection.run([command]))[0]));
  }
}
