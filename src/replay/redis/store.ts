import * as z from 'zod/mini';
import { messageOf } from '../../errors.js';
import type { RedisAddress, RedisSettings } from './settings.js';
import type { ReplayTable, SettingsReader, StoreType } from '../store.js';

const DEFAULT_URL = 'redis://127.0.0.1:6379';
const DEFAULT_PORT = 6379;
const DEFAULT_PREFIX = 'xtokend:';
const EXPECTED_ADDRESS = 'expected redis://HOST[:PORT], rediss://… (TLS) or unix:/PATH';

const text = z.optional(z.string());
const shape = {
  url: z.optional(z.union([z.string(), z.array(z.string())])),
  username: text,
  password_file: text,
  ca_file: text,
  prefix: text,
  cluster: z.optional(z.boolean()),
  sentinel_master: text,
};
type RedisTable = z.infer<z.ZodMiniObject<typeof shape>>;

/** Keeps everything in Redis, Valkey or another server with their protocol, for any number of machines. */
export const redisStore: StoreType<RedisSettings> = {
  shape,
  parse,
  // Loading the client takes as long as loading everything else.
  openReplayCache: async (settings) => new (await import('./redis-cache.js')).RedisReplayCache(settings),
  openSeenUsers: async (settings) => new (await import('./redis-cache.js')).RedisSeenUsers(settings),
  openRevocations: async (settings) => new (await import('./redis-cache.js')).RedisRevocations(settings),
  openAttemptCounters: async (settings) =>
    new (await import('./redis-cache.js')).RedisAttemptCounters(settings),
  openLastUses: async (settings) => new (await import('./redis-cache.js')).RedisLastUses(settings),
  report: () => ({
    isDurable: true,
    guarantee: 'each token is accepted once by all who share this Redis and its prefix; tried',
    epoch: 'the start of the data in Redis',
  }),
  needsNetwork: ({ addresses }) => addresses.some(({ path }) => path === undefined),
};

function parse(table: ReplayTable, reader: SettingsReader): RedisSettings {
  const { url = DEFAULT_URL, prefix = DEFAULT_PREFIX, ...rest } = table as RedisTable;
  const { cluster = false, sentinel_master: sentinelMaster } = rest;
  const urls = typeof url === 'string' ? [url] : url;
  const addresses: RedisAddress[] = [];
  for (const one of urls) {
    try {
      addresses.push(parseRedisAddress(one));
    } catch (error) {
      reader.addProblem('url', messageOf(error));
    }
  }
  const allowsSeveral = cluster || sentinelMaster !== undefined;
  if (cluster && sentinelMaster !== undefined) {
    reader.addProblem('cluster', 'expected either cluster or sentinel_master, found both');
  }
  if (urls.length === 0) reader.addProblem('url', 'expected an address such as redis://127.0.0.1:6379');
  if (urls.length > 1 && !allowsSeveral) {
    reader.addProblem('url', 'several are for cluster = true, or for the Sentinels of sentinel_master');
  }
  if (allowsSeveral && addresses.some(({ path }) => path !== undefined)) {
    reader.addProblem('url', 'expected redis:// or rediss://: clusters and Sentinels have no Unix sockets');
  }
  if (/[{}]/.test(prefix)) {
    reader.addProblem('prefix', 'expected no braces: in a cluster they select the node of a key');
  }
  return {
    addresses,
    username: rest.username,
    password: reader.readFile('password_file', rest.password_file, 'secret'),
    ca: reader.readFile('ca_file', rest.ca_file, 'certificate'),
    prefix,
    isCluster: cluster,
    sentinelMaster,
  };
}

/**
 * Parses the address of a Redis server.
 *
 * @param text such as `redis://127.0.0.1:6379`, `rediss://redis.example:6380` or `unix:/run/redis/redis.sock`
 * @throws {Error} whose message repeats nothing of the text, which may hold a password
 */
export function parseRedisAddress(text: string): RedisAddress {
  const [, path] = /^unix:(?:\/\/)?(\/[^?]+)$/.exec(text) ?? [];
  if (path !== undefined) return { host: '', port: 0, tls: false, path };
  if (!URL.canParse(text)) throw new Error(EXPECTED_ADDRESS);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    throw new Error('expected no user and password: set username and password_file instead');
  }
  if (/^\/0*[1-9]\d*$/.test(url.pathname)) {
    throw new Error('expected no database but 0: set replay.prefix to separate replay caches');
  }
  const isPlain = /^(\/0*)?$/.test(url.pathname) && url.search === '' && url.hash === '';
  if (!['redis:', 'rediss:'].includes(url.protocol) || !isPlain || url.hostname === '') {
    throw new Error(EXPECTED_ADDRESS);
  }
  return {
    // An IPv6 address has brackets in a URL.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    tls: url.protocol === 'rediss:',
    path: undefined,
  };
}
