import type { RedisAddress } from '../replay/redis-settings.js';

const DEFAULT_PORT = 6379;
const EXPECTED = 'expected redis://HOST[:PORT][/DATABASE], rediss://… (TLS) or unix:/PATH';

/**
 * Parses the address of a Redis server.
 *
 * @param text such as `redis://127.0.0.1:6379/0`, `rediss://redis.example:6380` or `unix:/run/redis/redis.sock`
 * @throws {Error} with a message that repeats nothing of it: there may be a password in it
 */
export function parseRedisAddress(text: string): RedisAddress {
  const [, path] = /^unix:(?:\/\/)?(\/[^?]+)$/.exec(text) ?? [];
  if (path !== undefined) return { host: '', port: 0, tls: false, path, database: 0 };
  if (!URL.canParse(text)) throw new Error(EXPECTED);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    throw new Error('expected no user and password in it: username and password_file are for that');
  }
  const [, database] = /^\/?(\d{0,9})$/.exec(url.pathname) ?? [];
  const isPlain = url.hostname !== '' && url.search === '' && url.hash === '';
  if (!['redis:', 'rediss:'].includes(url.protocol) || !isPlain || database === undefined) {
    throw new Error(EXPECTED);
  }
  return {
    // An IPv6 address stands in brackets there.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    tls: url.protocol === 'rediss:',
    path: undefined,
    database: Number(database),
  };
}
