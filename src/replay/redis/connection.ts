import { performance } from 'node:perf_hooks';
import { ReplayCacheError } from '../errors.js';
import { withinStoreDeadline } from '../store-deadline.js';
import { connectRedis } from './client.js';
import { explainRedisError, nameOf } from './errors.js';
import { UnexpectedReplyError } from './replies.js';
import type { RedisSettings } from './settings.js';

/** A client without complete replies for this long is replaced by a new one: it may be in a state that it does not leave. */
const REPLY_DEADLINE_MILLISECONDS = 5000;

/** The name of a command, and its arguments. */
export type Command = [name: string, ...args: (string | number)[]];

/** Callbacks of a {@link RedisConnection}. */
export interface ConnectionListener {
  readonly onReady?: () => void;
  /** The next connection may be to another server, or to the same server with less data. */
  readonly onLost?: () => void;
}

/** A connection to Redis that is opened at once, and again whenever it is lost, until {@link close} is called. */
export class RedisConnection {
  readonly #settings: RedisSettings;
  readonly #listener: ConnectionListener;
  #client: ReturnType<typeof connectRedis>;
  #isClosed = false;
  #isReconnecting = false;
  #lastError: Error | undefined;
  #lastReply = performance.now();
  /** Called at the end of the current attempt to connect. */
  #waiting: (() => void)[] = [];

  constructor(settings: RedisSettings, listener: ConnectionListener = {}) {
    this.#settings = settings;
    this.#listener = listener;
    this.#client = this.#connect();
  }

  /**
   * Makes a request that takes any number of commands.
   *
   * @throws {@link ReplayCacheError} if it fails or exceeds the deadline of stores; its writes may be done then
   */
  async request<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await withinStoreDeadline(request());
    } catch (error) {
      if (error instanceof UnexpectedReplyError) this.#reconnect();
      if (error instanceof ReplayCacheError) throw error;
      // Without the cause: the client attaches the command's arguments to it, and those of AUTH are the password.
      throw new ReplayCacheError(`${nameOf(this.#settings)}: ${explainRedisError(error, this.#lastError)}`);
    }
  }

  /**
   * Sends some commands in one piece, in a cluster to one node. Returns their replies.
   *
   * @throws if there is no connection, no reply in time, or if a reply is an error
   */
  async run(commands: readonly Command[]): Promise<unknown[]> {
    await this.#connected();
    const replies = (await this.#client.pipeline([...commands]).exec()) ?? [];
    // If one reply is missing, each later request gets the reply to the one before it, and none for its last command.
    if (replies.every(([error]) => error === null || error.name === 'ReplyError')) {
      this.#lastReply = performance.now();
    } else this.#renewIfStuck();
    return replies.map(([error, reply]) => {
      if (error !== null) throw error;
      return reply;
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#client.disconnect();
  }

  #reconnect(): void {
    // While it connects, this would end ioredis for good. Several requests can receive unexpected replies.
    if (!this.#isReady() || this.#isReconnecting) return;
    this.#isReconnecting = true;
    this.#client.disconnect(true);
  }

  #connect(): ReturnType<typeof connectRedis> {
    const client = connectRedis(this.#settings);
    client.on('error', (error: Error) => (this.#lastError = error));
    client.on('ready', () => {
      this.#isReconnecting = false;
      this.#lastError = undefined;
    });
    for (const event of ['ready', '+node']) client.on(event, () => this.#listener.onReady?.());
    for (const event of ['close', 'end', '-node', 'node error']) {
      client.on(event, () => this.#listener.onLost?.());
    }
    for (const event of ['ready', 'close', 'end']) {
      client.on(event, () => {
        for (const settle of this.#waiting.splice(0)) settle();
      });
    }
    return client;
  }

  /** Waits for the current attempt to connect. @throws the last error if there is no connection then */
  async #connected(): Promise<void> {
    if (this.#isReady()) return;
    this.#renewIfStuck();
    if (['connecting', 'connect', 'wait'].includes(this.#client.status)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (!this.#isReady()) throw this.#lastError ?? new Error('Connection is closed.');
  }

  #isReady(): boolean {
    return this.#client.status === 'ready';
  }

  /** Replaces the client. ioredis ends for good if it can't even start to connect, or is reconnected while it connects. */
  #renewIfStuck(): void {
    const isStuck = performance.now() - this.#lastReply > REPLY_DEADLINE_MILLISECONDS;
    if (this.#isClosed || !(this.#client.status === 'end' || isStuck)) return;
    this.#client.disconnect();
    this.#listener.onLost?.();
    this.#isReconnecting = false;
    this.#lastReply = performance.now();
    this.#client = this.#connect();
  }
}
