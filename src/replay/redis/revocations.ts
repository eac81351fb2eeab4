import { randomUUID } from 'node:crypto';
import {
  isRevocable,
  type Revocation,
  type RevocationSnapshot,
  type RevocationStore,
} from '../../users/revocations.js';
import { RedisConnection } from './connection.js';
import { parseCount, parseOptionalText, parseTable, UnexpectedReplyError } from './replies.js';
import type { RedisSettings } from './settings.js';

/** Not a JID. */
const REVISION = 'revision';
const VALUE = /^(\d{1,15}) (blocked|unblocked)$/;

/** The revocations in Redis: a hash with a field for each JID, and one that differs after each change. */
export class RedisRevocations implements RevocationStore {
  readonly #key: string;
  readonly #connection: RedisConnection;

  /** @param settings the server; the connection is opened at once, and again whenever it is lost */
  constructor(settings: RedisSettings) {
    this.#key = `${settings.prefix}revocations`;
    this.#connection = new RedisConnection(settings);
  }

  read(revision: string | undefined): Promise<RevocationSnapshot | undefined> {
    return this.#connection.request(async () => {
      const [stored] = await this.#connection.run([['hget', this.#key, REVISION]]);
      const current = parseOptionalText(stored) ?? '';
      if (current === revision) return undefined;
      const [reply] = await this.#connection.run([['hgetall', this.#key]]);
      const { [REVISION]: read = '', ...fields } = parseTable(reply);
      return { revision: read, revocations: Object.entries(fields).map(parseRevocation) };
    });
  }

  async add({ jid, revokedAt, isBlocked }: Revocation): Promise<void> {
    const value = `${revokedAt} ${isBlocked ? 'blocked' : 'unblocked'}`;
    await this.#connection.request(async () => {
      const [reply] = await this.#connection.run([['hset', this.#key, jid, value, REVISION, randomUUID()]]);
      parseCount(reply);
    });
  }

  close(): Promise<void> {
    this.#connection.close();
    return Promise.resolve();
  }
}

function parseRevocation([jid, value]: [string, string]): Revocation {
  const [, revokedAt, state] = VALUE.exec(value) ?? [];
  if (revokedAt === undefined || !isRevocable(jid)) throw new UnexpectedReplyError('a revocation');
  return { jid, revokedAt: Number(revokedAt), isBlocked: state === 'blocked' };
}
