import type { Cluster, Redis } from 'ioredis';

const UNDER_WAY: readonly string[] = ['connecting', 'connect', 'wait'];

/** An attempt to connect: commands are never queued, so who has one waits for the end of the attempt that is under way. */
export class RedisAttempt {
  readonly #redis: Redis | Cluster;
  /** One for all who wait. */
  #end: Promise<void> | undefined;

  constructor(redis: Redis | Cluster) {
    this.#redis = redis;
  }

  /** @returns once no attempt is under way; whether there is a connection then is another question */
  async over(): Promise<void> {
    if (!UNDER_WAY.includes(this.#redis.status)) return;
    this.#end ??= this.#nextOf('ready', 'close', 'end').finally(() => (this.#end = undefined));
    await this.#end;
  }

  #nextOf(...events: string[]): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        for (const event of events) this.#redis.off(event, settle);
        resolve();
      };
      for (const event of events) this.#redis.on(event, settle);
    });
  }
}
