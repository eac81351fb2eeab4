const RETRY_MILLISECONDS = 1000;

/**
 * Sees to it that the parts of a record begin as soon as Redis is there, so that the horizon is not moved by the first login
 * in each of them, which may come much later.
 */
export class RedisEpochs {
  readonly #parts: readonly string[];
  readonly #begin: (part: string) => Promise<unknown>;
  #missing = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;
  #isStopped = false;

  /** @param begin begins one of the parts */
  constructor(parts: readonly string[], begin: (part: string) => Promise<unknown>) {
    this.#parts = parts;
    this.#begin = begin;
  }

  /** Begins all parts, again and again until each of them is. */
  start(): void {
    this.#missing = new Set(this.#parts);
    if (!this.#isBusy) void this.#try();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #try(): Promise<void> {
    if (this.#isStopped) return;
    this.#isBusy = true;
    const missing = this.#missing;
    await Promise.all([...missing].map((part) => this.#tryOne(part, missing)));
    this.#isBusy = this.#missing.size > 0;
    if (this.#isBusy) this.#timer = setTimeout(() => void this.#try(), RETRY_MILLISECONDS).unref();
  }

  async #tryOne(part: string, missing: Set<string>): Promise<void> {
    try {
      await this.#begin(part);
      missing.delete(part);
    } catch {
      // Whoever logs in meanwhile is told what is wrong.
    }
  }
}
