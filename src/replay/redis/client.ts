import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { AbstractConnector, Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import { CheckedStream } from './checked-stream.js';
import { checkReplies, parseEndpoint, parseSentinels } from './replies.js';
import type { RedisSettings } from './store.js';

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
  const secured: Options = { ...options, ...tls, Connector: CheckedConnector };
  const base: Options = {
    ...secured,
    username,
    // Without a name, ioredis would write a warning to stderr if the server needs no password.
    ...(password === undefined ? {} : { username: username ?? 'default', password }),
  };
  if (isCluster) return new Cluster(addresses, { ...clusterOptions, redisOptions: base });
  if (sentinelMaster !== undefined) {
    const sentinels = new Sentinels(addresses, sentinelMaster, secured);
    return new Redis({ ...base, Connector: connectorToPrimary(sentinels) });
  }
  return new Redis({ ...base, ...(first.path === undefined ? addresses[0] : { path: first.path }) });
}

/** Returns how long to wait before an attempt to connect, in milliseconds. The default of ioredis waits longer with each attempt. */
function retryDelay(attempt: number): number {
  return Math.min(attempt * 50, MAX_RETRY_MILLISECONDS);
}

type OnError = (type: string, error: Error) => void;
type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };
interface ConnectorOptions {
  readonly host: string;
  readonly port: number;
  readonly path?: string | null;
  readonly tls?: ConnectionOptions;
  readonly disconnectTimeout: number;
}

/** Opens the connections of ioredis (its option `Connector`) as {@link CheckedStream}s. */
class CheckedConnector extends AbstractConnector {
  readonly #options: ConnectorOptions;
  protected onError: OnError = () => undefined;

  constructor(options: unknown) {
    super((options as ConnectorOptions).disconnectTimeout);
    this.#options = options as ConnectorOptions;
  }

  override async connect(onError: OnError): Promise<Socket> {
    this.connecting = true;
    this.onError = onError;
    const endpoint = await this.locate();
    if (!this.isConnecting()) throw new Error('Connection is closed.');
    const { tls } = this.#options;
    const socket = tls ? connectTls({ ...endpoint, ...tls }) : createConnection(endpoint);
    // It has all that ioredis uses of a socket.
    this.stream = new CheckedStream(socket) as unknown as Socket;
    this.stream.once('error', (error) => (this.firstError = error));
    return this.stream;
  }

  /** Returns `false` once the client is told to disconnect. */
  protected isConnecting(): boolean {
    return this.connecting;
  }

  /** Returns where to connect to. */
  protected locate(): Promise<Endpoint> {
    const { path, host, port } = this.#options;
    return Promise.resolve(typeof path === 'string' ? { path } : { host, port });
  }
}

/** Returns a connector to the primary that Sentinels name. */
function connectorToPrimary(sentinels: Sentinels): typeof CheckedConnector {
  return class extends CheckedConnector {
    protected override async locate(): Promise<Endpoint> {
      for (let attempt = 1; this.isConnecting(); attempt += 1) {
        try {
          return await sentinels.findPrimary();
        } catch (error) {
          this.onError('error', error as Error);
        }
        await sleep(retryDelay(attempt));
      }
      throw new Error('Connection is closed.');
    }
  };
}

interface Sentinel {
  readonly host: string;
  readonly port: number;
}

/** The Sentinels of a primary: those of the configuration, and those that they know. */
class Sentinels {
  /** The one that answered last comes first. */
  #known: readonly Sentinel[];
  readonly #primary: string;
  readonly #options: Options;

  /** @param primary the name of the primary; @param options for the connections to Sentinels */
  constructor(addresses: readonly Sentinel[], primary: string, options: Options) {
    this.#known = addresses;
    this.#primary = primary;
    this.#options = {
      ...options,
      enableOfflineQueue: true,
      enableReadyCheck: false,
      retryStrategy: () => null,
    };
  }

  /** @throws the error of the last Sentinel, if none of them knows the address */
  async findPrimary(): Promise<Endpoint> {
    let lastError: unknown;
    for (const sentinel of this.#known) {
      try {
        return await this.#ask(sentinel);
      } catch (error) {
        lastError = error;
      }
    }
    throw lastError;
  }

  async #ask(sentinel: Sentinel): Promise<Endpoint> {
    const client = new Redis({ ...this.#options, ...sentinel });
    let connectionError: Error | undefined;
    client.on('error', (error: Error) => (connectionError = error));
    try {
      const primary = await client.call('sentinel', 'get-master-addr-by-name', this.#primary);
      if (primary === null) throw Object.assign(new Error(), { code: 'UNKNOWN_PRIMARY' });
      const others = parseSentinels(await client.call('sentinel', 'sentinels', this.#primary));
      const endpoint = parseEndpoint(primary);
      this.#learn([sentinel, ...others]);
      return endpoint;
    } catch (error) {
      throw connectionError ?? error;
    } finally {
      client.disconnect();
    }
  }

  #learn(sentinels: readonly Sentinel[]): void {
    const byAddress = [...sentinels, ...this.#known].map((one) => [`${one.host} ${one.port}`, one] as const);
    this.#known = [...new Map(byAddress).values()].slice(0, MAX_SENTINELS);
  }
}
