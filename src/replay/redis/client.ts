import { createConnection, Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { AbstractConnector, Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import { CheckedStream } from './checked-stream.js';
import { checkReplies, parseEndpoint, parseSentinels } from './replies.js';
import type { RedisSettings } from './settings.js';

/**
 * How long a command may take. With 50 ms, 1,000 logins at once on a busy machine cost 222 of 8,000 tokens; with 200 ms none. A
 * person hardly notices either.
 */
export const COMMAND_TIMEOUT_MILLISECONDS = 400;
const CONNECT_TIMEOUT_MILLISECONDS = 200;
const DISCONNECT_TIMEOUT_MILLISECONDS = 100;
const MAX_RETRY_MILLISECONDS = 400;
const MAX_SENTINELS = 100;

checkReplies();

/** The default of ioredis waits longer with each attempt. */
const retryDelay = (attempt: number): number => Math.min(attempt * 50, MAX_RETRY_MILLISECONDS);

type Options = Omit<RedisOptions, 'replyMapping'>;

/** Nothing is ever queued or sent twice: a token is refused at once, or its consume is answered in time. */
const options: Options = {
  // With RESP 3 a server may send messages that no command asked for.
  protocol: 2,
  commandTimeout: COMMAND_TIMEOUT_MILLISECONDS,
  connectTimeout: CONNECT_TIMEOUT_MILLISECONDS,
  disconnectTimeout: DISCONNECT_TIMEOUT_MILLISECONDS,
  // Closes a connection that receives nothing: TCP itself would take minutes to notice that a network is back.
  socketTimeout: COMMAND_TIMEOUT_MILLISECONDS + 200,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  retryStrategy: retryDelay,
  // The name of a primary that became a replica, or the Sentinels, may lead to the new primary.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  connectionName: 'xtokend',
  disableClientInfo: true,
};

const clusterOptions: ClusterOptions = {
  enableOfflineQueue: false,
  // An ASK in reply to this check would end the process.
  enableReadyCheck: false,
  clusterRetryStrategy: retryDelay,
  slotsRefreshTimeout: CONNECT_TIMEOUT_MILLISECONDS,
  slotsRefreshInterval: 1000,
  maxRedirections: 3,
  retryDelayOnFailover: 50,
  retryDelayOnClusterDown: 50,
};

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Finds the primary that Sentinels watch. */
interface PrimaryFinder {
  find(): Promise<Address>;
  /** Asks another Sentinel first, because the found server is not a primary. */
  reject(): void;
}

type ConnectorOptions = Address & { readonly path?: string; readonly tls?: ConnectionOptions };

/**
 * Connects to Redis, a Redis Cluster, or the primary that Sentinels name, and again whenever that connection is lost. Always uses
 * database 0: if another can't be selected, ioredis would go on in that one.
 */
export function connectRedis(settings: RedisSettings): Redis | Cluster {
  const { isCluster, sentinelMaster, ca, username, password } = settings;
  const [first] = settings.addresses;
  if (first === undefined) throw new RangeError('expected an address');
  const addresses = settings.addresses.map(({ host, port }) => ({ host, port }));
  const tls = first.tls ? { tls: ca === undefined ? {} : { ca } } : {};
  const direct: Options = { ...options, ...tls, Connector: connectorTo() };
  const base: Options = {
    ...direct,
    username,
    // Without a name, ioredis would write a warning to stderr if the server needs no password.
    ...(password === undefined ? {} : { username: username ?? 'default', password }),
  };
  if (isCluster) return new Cluster(addresses, { ...clusterOptions, redisOptions: base });
  if (sentinelMaster !== undefined) {
    return new Redis({ ...base, Connector: connectorTo(primaryFinder(addresses, sentinelMaster, direct)) });
  }
  return new Redis({ ...base, ...(first.path === undefined ? addresses[0] : { path: first.path }) });
}

/**
 * Returns a class for the option `Connector` of ioredis that opens a connection as a {@link CheckedStream}.
 *
 * @param finder finds where to connect to; without it, that is in the options of the client
 */
function connectorTo(finder?: PrimaryFinder): new (options: unknown) => AbstractConnector {
  return class extends AbstractConnector {
    readonly #options: ConnectorOptions;

    constructor(given: unknown) {
      super(DISCONNECT_TIMEOUT_MILLISECONDS);
      this.#options = given as ConnectorOptions;
    }

    override async connect(): Promise<Socket> {
      this.connecting = true;
      try {
        const { host, port, path, tls } = this.#options;
        const endpoint = (await finder?.find()) ?? { host, port, path };
        const socket = tls ? connectTls({ ...endpoint, ...tls }) : createConnection(endpoint);
        // It has all that ioredis uses of a socket.
        this.stream = new CheckedStream(socket) as unknown as Socket;
        this.stream.once('error', (error) => (this.firstError = error));
      } catch (error) {
        // If this threw, ioredis would not try again.
        this.stream = new Socket().destroy();
        this.firstError = error as Error;
      }
      // `false` once the client is told to disconnect.
      if (!(this.connecting as boolean)) this.stream.destroy();
      return this.stream;
    }

    /** A Sentinel may name a former primary: what a replica consumes, the primary would accept again. */
    override check({ role = 'master' }: { readonly role?: string }): boolean {
      if (finder === undefined || role === 'master') return true;
      finder.reject();
      return false;
    }
  };
}

/** Asks Sentinels for the address of their primary, and learns of other Sentinels. */
function primaryFinder(addresses: readonly Address[], name: string, direct: Options): PrimaryFinder {
  /** The one that answered last comes first. */
  let known = addresses;
  const find = async (): Promise<Address> => {
    let lastError: unknown;
    for (const sentinel of known) {
      try {
        const { primary, others } = await askSentinel({ ...direct, ...sentinel }, name);
        const all = [sentinel, ...others, ...known].map((one) => [`${one.host} ${one.port}`, one] as const);
        known = [...new Map(all).values()].slice(0, MAX_SENTINELS);
        return primary;
      } catch (error) {
        lastError = error;
      }
    }
    throw lastError;
  };
  const reject = (): void => {
    known = [...known.slice(1), ...known.slice(0, 1)];
  };
  return { find, reject };
}

async function askSentinel(to: Options, name: string): Promise<{ primary: Address; others: Address[] }> {
  const client = new Redis({
    ...to,
    enableOfflineQueue: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  let connectionError: Error | undefined;
  client.on('error', (error: Error) => (connectionError = error));
  try {
    const primary = await client.call('sentinel', 'get-master-addr-by-name', name);
    if (primary === null) throw Object.assign(new Error(), { code: 'UNKNOWN_PRIMARY' });
    const others = await client.call('sentinel', 'sentinels', name);
    return { primary: parseEndpoint(primary), others: parseSentinels(others) };
  } catch (error) {
    throw connectionError ?? error;
  } finally {
    client.disconnect();
  }
}
