import type { RedisAddress } from './settings.js';

const DEFAULT_PORT = 6379;
const EXPECTED = 'expected redis://HOST[:PORT], rediss://… (TLS) or unix:/PATH';

/**
 * Parses the address of a Redis server.
 *
 * @param text such as `redis://127.0.0.1:6379`, `rediss://redis.example:6380` or `unix:/run/redis/redis.sock`
 * @throws {Error} with a message that repeats nothing of it: there may be a password in it
 */
export function parseRedisAddress(text: string): RedisAddress {
  const [, path] = /^unix:(?:\/\/)?(\/[^?]+)$/.exec(text) ?? [];
  if (path !== undefined) return { host: '', port: 0, tls: false, path };
  if (!URL.canParse(text)) throw new Error(EXPECTED);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    throw new Error('expected no user and password in it: username and password_file are for that');
  }
  if (/^\/0*[1-9]\d*$/.test(url.pathname)) {
    throw new Error('expected no database but 0: set replay.prefix to keep records apart');
  }
  const isPlain = /^(\/0*)?$/.test(url.pathname) && url.search === '' && url.hash === '';
  if (!['redis:', 'rediss:'].includes(url.protocol) || !isPlain || url.hostname === '') {
    throw new Error(EXPECTED);
  }
  return {
    // An IPv6 address stands in brackets there.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    tls: url.protocol === 'rediss:',
    path: undefined,
  };
}
