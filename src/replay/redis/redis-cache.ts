import type { ConsumeResult, ReplayCache, TokenUse } from '../replay-cache.js';
import { RedisConnection, type Command } from './connection.js';
import { newMark, RedisEpochs, type Found } from './epochs.js';
import { expiryOf, RedisLayout, type Place } from './layout.js';
import { parseEntry, parseFlag, UnexpectedReplyError } from './replies.js';
import type { RedisSettings } from './settings.js';

export { RedisAttemptCounters } from './passwords/attempt-counters.js';
export { RedisLastUses } from './passwords/last-uses.js';
export { RedisRevocations } from './revocations.js';
export { RedisSeenUsers } from './seen-users.js';

/** More than there are hashes of time steps that are valid at the same time. */
const MAX_EXPIRING = 4096;

/**
 * Keeps used tokens in Redis, for any number of machines. A consume enters the token into a hash of its time step unless it is there
 * (`HSETNX`), and reads back the entry and the epoch stamp of the hash, which tells whether the data is still complete (see
 * epochs.ts). The entry is a mark that only this consume knows, so the reply to another consume can't be taken for its own.
 */
export class RedisReplayCache implements ReplayCache {
  readonly #isCluster: boolean;
  readonly #layout: RedisLayout;
  readonly #epochs: RedisEpochs;
  readonly #connection: RedisConnection;
  /** Hashes that had a stamp, and so an expiry: setting it again for every token would be a waste. */
  readonly #expiring = new Set<string>();

  /**
   * @param settings the server; the connection is opened at once, and again whenever it is lost
   * @param clock returns milliseconds since the Unix epoch
   */
  constructor(settings: RedisSettings, clock: () => number = Date.now) {
    this.#isCluster = settings.isCluster;
    this.#layout = new RedisLayout(settings);
    const run = this.#run.bind(this);
    this.#epochs = new RedisEpochs({ settings, layout: this.#layout, clock, run });
    this.#connection = new RedisConnection(settings, {
      onReady: () => {
        this.#epochs.startAll();
      },
      onLost: () => {
        this.#epochs.drop();
        // The parts of one node may be on another now.
        if (settings.isCluster) this.#epochs.startAll();
      },
    });
  }

  /** @throws {@link ReplayCacheError} if Redis can't be used, or does not reply in time; the token may be consumed then */
  consume(use: TokenUse): Promise<ConsumeResult> {
    return this.#connection.request(() => this.#consume(this.#layout.placeOf(use)));
  }

  close(): Promise<void> {
    this.#epochs.stop();
    this.#connection.close();
    return Promise.resolve();
  }

  async #consume(place: Place): Promise<ConsumeResult> {
    const mark = newMark();
    const { isNew, ...first } = await this.#enter(place, mark);
    if (isNew !== (first.mark === mark) && first.mark !== undefined) throw new UnexpectedReplyError();
    const result = isNew ? 'consumed' : 'replayed';
    if (this.#epochs.isComplete(place, first)) {
      if (this.#expiring.size >= MAX_EXPIRING) this.#expiring.clear();
      this.#expiring.add(place.hash);
      return result;
    }
    await this.#epochs.startTimeStep(place);
    const second = await this.#read(place);
    return this.#epochs.isComplete(place, second) && second.mark === first.mark ? result : 'replay-unknown';
  }

  async #enter({ hash, field, timeStep }: Place, mark: string): Promise<Found & { isNew: boolean }> {
    const commands: Command[] = [
      ['hsetnx', hash, field, mark],
      ['hmget', hash, 'epoch', field],
    ];
    // Whatever the result, the entry must not stay forever.
    if (!this.#expiring.has(hash)) commands.push(['pexpireat', hash, expiryOf(timeStep)]);
    const replies = await this.#run(commands);
    return { isNew: parseFlag(replies[0]), ...parseEntry(replies[1]), node: replies[commands.length] };
  }

  async #read({ hash, field }: Place): Promise<Found> {
    const [reply, node] = await this.#run([['hmget', hash, 'epoch', field]]);
    return { ...parseEntry(reply), node };
  }

  /** In a cluster a replica may take over unnoticed, so each time the node sends its name. */
  #run(commands: readonly Command[]): Promise<unknown[]> {
    return this.#connection.run(this.#isCluster ? [...commands, ['cluster', 'MYID']] : commands);
  }
}
