import type { SeenUsers } from '../../users/seen-users.js';
import { pageOf, type UserPage } from '../../users/user-page.js';

/** The users who have logged in since this process started. Only users with a valid token are added, which bounds the size. */
export class MemorySeenUsers implements SeenUsers {
  readonly #jids = new Set<string>();
  /** Those that were asked for last, as an array. */
  #listed: readonly string[] = [];

  has(user: string, host: string): Promise<boolean> {
    return Promise.resolve(this.#jids.has(`${user}@${host}`));
  }

  add(user: string, host: string): Promise<void> {
    this.#jids.add(`${user}@${host}`);
    return Promise.resolve();
  }

  list(host: string, after: string | undefined): Promise<UserPage> {
    if (this.#listed.length !== this.#jids.size) this.#listed = [...this.#jids];
    return Promise.resolve(pageOf(this.#listed, host, after));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
