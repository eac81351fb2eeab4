import { isUseId, parseUseTime, type LastUses } from '../../../passwords/app-passwords/last-uses.js';
import { RedisConnection } from '../connection.js';
import { parseCount, parseTable, UnexpectedReplyError } from '../replies.js';
import type { RedisSettings } from '../settings.js';

/** The last uses in Redis: a hash with a field for each app password. */
export class RedisLastUses implements LastUses {
  readonly #key: string;
  readonly #connection: RedisConnection;

  /** @param settings the server; the connection is opened at once, and again whenever it is lost */
  constructor(settings: RedisSettings) {
    this.#key = `${settings.prefix}last-uses`;
    this.#connection = new RedisConnection(settings);
  }

  async record(id: string, at: number): Promise<void> {
    await this.#connection.request(async () => {
      const [reply] = await this.#connection.run([['hset', this.#key, id, String(at)]]);
      parseCount(reply);
    });
  }

  read(): Promise<ReadonlyMap<string, number>> {
    return this.#connection.request(async () => {
      const [reply] = await this.#connection.run([['hgetall', this.#key]]);
      return new Map(Object.entries(parseTable(reply)).map(parseUse));
    });
  }

  close(): Promise<void> {
    this.#connection.close();
    return Promise.resolve();
  }
}

function parseUse([id, text]: [string, string]): [string, number] {
  const time = parseUseTime(text);
  if (time === undefined || !isUseId(id)) throw new UnexpectedReplyError('a last use');
  return [id, time];
}
