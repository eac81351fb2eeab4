import { performance } from 'node:perf_hooks';
import { ReplayCacheError } from '../errors.js';
import { connectRedis } from './client.js';
import { explainRedisError, nameOf } from './errors.js';
import { UnexpectedReplyError } from './replies.js';
import type { RedisSettings } from './settings.js';
import { withinStoreDeadline } from '../store-deadline.js';

/** A client that has had no complete replies for so long is given up for a new one: it may be in a state that it does not leave. */
const REPLY_DEADLINE_MILLISECONDS = 5000;

/** The name of a command, and its arguments. */
export type Command = [name: string, ...args: (string | number)[]];

/** Is told what becomes of a connection. */
export interface ConnectionListener {
  readonly onReady: () => void;
  /** Behind the next connection may be another server, or the same with less in it. */
  readonly onLost: () => void;
}

/** A connection to Redis that never ends by itself. */
export class RedisConnection {
  readonly #settings: RedisSettings;
  readonly #listener: ConnectionListener;
  #client: ReturnType<typeof connectRedis>;
  #isClosed = false;
  /** Whether the present connection is about to end. */
  #isGivenUp = false;
  #lastError: Error | undefined;
  #lastReply = performance.now();
  /** The attempt to connect that is under way, for those who wait for it. */
  #attempt: Promise<void> | undefined;

  /** The connection is made at once, and again whenever it is lost. */
  constructor(settings: RedisSettings, listener: ConnectionListener) {
    this.#settings = settings;
    this.#listener = listener;
    this.#client = this.#connect();
  }

  /**
   * Asks a question that takes any number of commands.
   *
   * @throws {@link ReplayCacheError} if there is no answer within the deadline of every store; what was to be written may be written then
   */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await withinStoreDeadline(question());
    } catch (error) {
      if (error instanceof UnexpectedReplyError) this.reconnect();
      throw this.#explain(error);
    }
  }

  /**
   * Sends some commands in one piece, in a cluster to one node.
   *
   * @returns their replies
   * @throws where there is no connection, no reply in time, or an error for a reply
   */
  async run(commands: readonly Command[]): Promise<unknown[]> {
    await this.#connected();
    const replies = (await this.#client.pipeline([...commands]).exec()) ?? [];
    // One reply that never comes, and each later claim gets that of the one before it, and none for its last command.
    if (replies.every(([error]) => error === null || error.name === 'ReplyError')) {
      this.#lastReply = performance.now();
    } else if (performance.now() - this.#lastReply > REPLY_DEADLINE_MILLISECONDS) this.#renew();
    return replies.map(([error, reply]) => {
      if (error !== null) throw error;
      return reply;
    });
  }

  /** Gives up the present connection for another. */
  reconnect(): void {
    // While it connects, ioredis would end for good; and several claims can meet with the same nonsense.
    if (!this.#isReady() || this.#isGivenUp) return;
    this.#isGivenUp = true;
    this.#client.disconnect(true);
  }

  close(): void {
    this.#isClosed = true;
    this.#client.disconnect();
  }

  /** Leaves out the cause: the client attaches the command's arguments to it, and of AUTH these are the password. */
  #explain(error: unknown): ReplayCacheError {
    if (error instanceof ReplayCacheError) return error;
    return new ReplayCacheError(`${nameOf(this.#settings)}: ${explainRedisError(error, this.#lastError)}`);
  }

  #connect(): ReturnType<typeof connectRedis> {
    const client = connectRedis(this.#settings);
    const { onLost, onReady } = this.#listener;
    client.on('error', (error: Error) => (this.#lastError = error));
    client.on('ready', () => {
      this.#isGivenUp = false;
      this.#lastError = undefined;
    });
    for (const event of ['ready', '+node']) client.on(event, onReady);
    for (const event of ['close', 'end', '-node', 'node error']) client.on(event, onLost);
    return client;
  }

  #renew(): void {
    this.#client.disconnect();
    this.#listener.onLost();
    this.#attempt = undefined;
    this.#isGivenUp = false;
    this.#lastReply = performance.now();
    this.#client = this.#connect();
  }

  /** Waits for an attempt to connect that is under way; where there is none, the last error is thrown. */
  async #connected(): Promise<void> {
    if (this.#isReady()) return;
    this.#renewIfStuck();
    if (['connecting', 'connect', 'wait'].includes(this.#client.status)) {
      this.#attempt ??= this.#nextOf('ready', 'close', 'end').finally(() => (this.#attempt = undefined));
      await this.#attempt;
    }
    if (!this.#isReady()) throw this.#lastError ?? new Error('Connection is closed.');
  }

  #isReady(): boolean {
    return this.#client.status === 'ready';
  }

  /** ioredis ends for good where it cannot even begin to connect, or is told to do otherwise while it does. */
  #renewIfStuck(): void {
    const isOver = this.#client.status === 'end';
    const isStuck = performance.now() - this.#lastReply > REPLY_DEADLINE_MILLISECONDS;
    if (!this.#isClosed && (isOver || isStuck)) this.#renew();
  }

  #nextOf(...events: string[]): Promise<void> {
    const client = this.#client;
    return new Promise((resolve) => {
      const settle = (): void => {
        for (const event of events) client.off(event, settle);
        resolve();
      };
      for (const event of events) client.on(event, settle);
    });
  }
}
