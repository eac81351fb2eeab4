import type { SeenUsers } from '../../users/seen-users.js';

/** The users who have logged in since this process started. Only users with a valid token are added, which bounds the size. */
export class MemorySeenUsers implements SeenUsers {
  readonly #jids = new Set<string>();

  has(user: string, host: string): Promise<boolean> {
    return Promise.resolve(this.#jids.has(`${user}@${host}`));
  }

  add(user: string, host: string): Promise<void> {
    this.#jids.add(`${user}@${host}`);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
