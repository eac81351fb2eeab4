import { createHash } from 'node:crypto';
import type { SeenUsers } from '../../users/seen-users.js';
import { pageOf, type UserPage } from '../../users/user-page.js';
import { RedisConnection, type Command } from './connection.js';
import { parseFlag, parseScan } from './replies.js';
import type { RedisSettings } from './settings.js';

/** The cursor of a page: the number of the set, Redis's cursor in the set, and the position in what it returns for that. */
const CURSOR = /^([0-9a-f]{2})\.(\d{1,20})\.(\d{1,9})$/;
const SETS = 256;
const SCAN_COUNT = 200;

/** The users who have logged in before, in Redis: their JIDs, in 256 sets that a cluster can spread. */
export class RedisSeenUsers implements SeenUsers {
  readonly #prefix: string;
  readonly #connection: RedisConnection;

  /** @param settings the server; the connection is opened at once, and again whenever it is lost */
  constructor(settings: RedisSettings) {
    this.#prefix = settings.prefix;
    this.#connection = new RedisConnection(settings);
  }

  async has(user: string, host: string): Promise<boolean> {
    return this.#run('sismember', `${user}@${host}`);
  }

  async add(user: string, host: string): Promise<void> {
    await this.#run('sadd', `${user}@${host}`);
  }

  async list(host: string, after: string | undefined): Promise<UserPage> {
    const [, set = '00', cursor = '0', position = '0'] = CURSOR.exec(after ?? '') ?? [];
    const command: Command = ['sscan', this.#keyOf(set), cursor, 'count', SCAN_COUNT];
    const found = await this.#connection.request(async () =>
      parseScan((await this.#connection.run([command]))[0]),
    );
    const page = pageOf(found.members, host, position);
    if (page.next !== undefined) return { ...page, next: `${set}.${cursor}.${page.next}` };
    if (found.cursor !== '0') return { ...page, next: `${set}.${found.cursor}.0` };
    const next = Number.parseInt(set, 16) + 1;
    return { ...page, next: next === SETS ? undefined : `${next.toString(16).padStart(2, '0')}.0.0` };
  }

  close(): Promise<void> {
    this.#connection.close();
    return Promise.resolve();
  }

  #run(name: 'sismember' | 'sadd', jid: string): Promise<boolean> {
    const set = createHash('sha256').update(jid).digest('hex').slice(0, 2);
    const command: Command = [name, this.#keyOf(set), jid];
    return this.#connection.request(async () => parseFlag((await this.#connection.run([command]))[0]));
  }

  #keyOf(set: string): string {
    return `${this.#prefix}seen:${set}`;
  }
}
