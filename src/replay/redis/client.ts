import { Cluster, Redis } from 'ioredis';
import { guardConnections } from './guard.js';
import { checkReplies } from './reply-checks.js';
import type { RedisAddress, RedisSettings } from './settings.js';

/**
 * How long a command may take. With 50 ms, 1,000 logins at once on a busy machine cost 222 of 8,000 claims, and tokens with
 * them; with 200 ms none. A person hardly notices either.
 */
export const COMMAND_TIMEOUT_MILLISECONDS = 400;
const CONNECT_TIMEOUT_MILLISECONDS = 200;
const DISCONNECT_TIMEOUT_MILLISECONDS = 100;
const MAX_RETRY_MILLISECONDS = 400;

guardConnections();
checkReplies();

const retry = (times: number): number => Math.min(times * 50, MAX_RETRY_MILLISECONDS);

/** Nothing is ever queued or sent twice: a claim is refused at once, or answered in time. */
const options = {
  // In the later one a server may say something that it was not asked for.
  protocol: 2 as const,
  commandTimeout: COMMAND_TIMEOUT_MILLISECONDS,
  connectTimeout: CONNECT_TIMEOUT_MILLISECONDS,
  disconnectTimeout: DISCONNECT_TIMEOUT_MILLISECONDS,
  // A connection on which nothing comes back is given up: TCP itself would take minutes to find a network that is back.
  socketTimeout: COMMAND_TIMEOUT_MILLISECONDS + 200,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  // The default waits longer with each attempt.
  retryStrategy: retry,
  // A primary that became a replica: its name, or the Sentinels, may lead to the new one.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  connectionName: 'xtokend',
  disableClientInfo: true,
};

/**
 * Connects to Redis, a Redis Cluster, or the primary that Sentinels name; and again whenever that connection is lost. All is
 * in database 0: where another cannot be chosen, ioredis would go on in that one.
 */
export function connectRedis(settings: RedisSettings): Redis | Cluster {
  const { addresses, isCluster, sentinelMaster } = settings;
  const [first] = addresses;
  if (first === undefined) throw new RangeError('expected an address');
  const base = { ...options, ...authenticationOf(settings), ...(first.tls ? { tls: tlsOf(settings) } : {}) };
  if (isCluster) {
    return new Cluster([...addresses], {
      redisOptions: base,
      enableOfflineQueue: false,
      // An ASK in reply to it would end the process: nobody handles what becomes of the ASKING that ioredis sends then.
      enableReadyCheck: false,
      clusterRetryStrategy: retry,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MILLISECONDS,
      slotsRefreshInterval: 1000,
      maxRedirections: 3,
      retryDelayOnFailover: 50,
      retryDelayOnClusterDown: 50,
    });
  }
  if (sentinelMaster !== undefined) {
    return new Redis({
      ...base,
      sentinels: addresses.map(({ host, port }) => ({ host, port })),
      name: sentinelMaster,
      sentinelRetryStrategy: retry,
      sentinelCommandTimeout: COMMAND_TIMEOUT_MILLISECONDS,
      enableTLSForSentinelMode: first.tls,
      ...(first.tls ? { sentinelTLS: tlsOf(settings) } : {}),
      // Where it finds something while the client connects, that ends for good. A failover is noticed without it: Sentinel
      // closes the connections to the primary of before, and that refuses writes (READONLY).
      failoverDetector: false,
    });
  }
  return new Redis({ ...base, ...endpointOf(first) });
}

type Endpoint = { path: string } | { host: string; port: number };

function endpointOf({ path, host, port }: RedisAddress): Endpoint {
  return path === undefined ? { host, port } : { path };
}

function authenticationOf({ username, password }: RedisSettings): { username?: string; password?: string } {
  if (password === undefined) return username === undefined ? {} : { username };
  // With a name, a server that wants no password takes any; without one ioredis would write a warning to stderr.
  return { username: username ?? 'default', password };
}

function tlsOf({ ca }: RedisSettings): { ca?: string } {
  return ca === undefined ? {} : { ca };
}
