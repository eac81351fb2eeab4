import { RedisEpochs } from './epochs.js';
import { RedisConnection, type Command } from './connection.js';
import { expiryOf, RedisLayout, type Place } from './layout.js';
import { UnexpectedReplyError, parseEntry, parseFlag } from './replies.js';
import type { RedisSettings } from './settings.js';
import { newMark, RedisSigns, type Found } from './signs.js';
import type { ConsumeResult, ReplayCache, TokenUse } from '../replay-cache.js';

/** More than there are hashes of the steps that are valid at an instant. */
const MAX_TIMED = 4096;

/**
 * The record of used credentials in Redis, Valkey or anything that speaks their protocol: for any number of machines. A
 * claim enters the token into a hash of its step, unless it is there (`HSETNX`), and reads from there what was entered and the step's
 * sign, which says whether the record is still complete (see redis-begin-step.ts). What is entered is a mark that only this claim
 * knows: no reply to another can be taken for its own.
 */
export class RedisReplayCache implements ReplayCache {
  readonly #isCluster: boolean;
  readonly #layout: RedisLayout;
  readonly #signs: RedisSigns;
  readonly #beginnings: RedisEpochs;
  readonly #connection: RedisConnection;
  /** Hashes that had a sign, and with it a time to expire: it is not set once more for every token. */
  readonly #timed = new Set<string>();

  /**
   * @param settings where the server is; the connection is made at once, and again whenever it is lost
   * @param clock milliseconds since the Unix epoch
   */
  constructor(settings: RedisSettings, clock: () => number = Date.now) {
    this.#isCluster = settings.isCluster;
    this.#layout = new RedisLayout(settings);
    const run = this.#run.bind(this);
    this.#signs = new RedisSigns({ settings, layout: this.#layout, clock, run });
    this.#beginnings = new RedisEpochs(this.#layout.parts, (part) => this.#signs.beginPart(part));
    this.#connection = new RedisConnection(settings, {
      onReady: () => {
        this.#beginnings.start();
      },
      onLost: () => {
        this.#signs.release();
        // What was one node's may be another's now.
        if (settings.isCluster) this.#beginnings.start();
      },
    });
  }

  /** @throws {@link ReplayCacheError} where Redis cannot be asked, or gives no answer in time; the token may be spent then */
  consume(use: TokenUse): Promise<ConsumeResult> {
    return this.#connection.ask(() => this.#claim(this.#layout.placeOf(use)));
  }

  async release(use: TokenUse): Promise<void> {
    const { hash, field } = this.#layout.placeOf(use);
    await this.#connection.ask(() => this.#connection.run([['hdel', hash, field]]));
  }

  close(): Promise<void> {
    this.#beginnings.stop();
    this.#connection.close();
    return Promise.resolve();
  }

  async #claim(place: Place): Promise<ConsumeResult> {
    const mark = newMark();
    const { isNew, ...first } = await this.#enter(place, mark);
    const { entered } = first;
    if (isNew !== (entered === mark) && entered !== undefined) throw new UnexpectedReplyError();
    const consume = isNew ? 'consumed' : 'replayed';
    if (this.#signs.vouchFor(place, first)) {
      this.#expires(place.hash);
      return consume;
    }
    await this.#signs.beginStep(place);
    const second = await this.#look(place);
    return this.#signs.vouchFor(place, second) && second.entered === entered ? consume : 'replay-unknown';
  }

  async #enter({ hash, field, timeStep }: Place, mark: string): Promise<Found & { isNew: boolean }> {
    const commands: Command[] = [
      ['hsetnx', hash, field, mark],
      ['hmget', hash, 'sign', field],
    ];
    // Whatever comes of it, what is entered is not to stay for ever.
    if (!this.#timed.has(hash)) commands.push(['pexpireat', hash, expiryOf(timeStep)]);
    const replies = await this.#run(commands);
    return { isNew: parseFlag(replies[0]), ...parseEntry(replies[1]), node: replies[commands.length] };
  }

  async #look({ hash, field }: Place): Promise<Found> {
    const [reply, node] = await this.#run([['hmget', hash, 'sign', field]]);
    return { ...parseEntry(reply), node };
  }

  #expires(hash: string): void {
    if (this.#timed.size >= MAX_TIMED) this.#timed.clear();
    this.#timed.add(hash);
  }

  /** In a cluster a replica may take over behind our back: each time it says who it is. */
  #run(commands: readonly Command[]): Promise<unknown[]> {
    return this.#connection.run(this.#isCluster ? [...commands, ['cluster', 'MYID']] : commands);
  }
}
