import { MAX_NAMES_BYTES, sizeOfName } from '../protocol/native-fields.js';

/** A page of a list of users. */
export interface UserPage {
  /** Their names, without the host. A name can come twice, or be missing, if the list changes between two pages. */
  readonly users: readonly string[];
  /** Where the next page begins, or `undefined` if this is the last one. */
  readonly next: string | undefined;
}

/**
 * Returns a page of the users of a host.
 *
 * @param names user names, or bare JIDs: only those of the host belong to the page; empty ones are ignored
 * @param after the position of the first name to consider, as `next` has it; anything else is the start
 */
export function pageOf(names: readonly string[], host: string, after: string | undefined): UserPage {
  const users: string[] = [];
  const start = /^\d{1,9}$/.test(after ?? '') ? Number(after) : 0;
  let bytes = 0;
  for (let position = start; position < names.length; position += 1) {
    const user = userAt(names[position], host);
    if (user === undefined) continue;
    bytes += sizeOfName(user);
    if (bytes > MAX_NAMES_BYTES) return { users, next: String(position) };
    users.push(user);
  }
  return { users, next: undefined };
}

/** Returns the user of a name if it belongs to a host. */
function userAt(name: string | undefined, host: string): string | undefined {
  const [user = '', domain = host] = name?.split('@') ?? [];
  return user !== '' && domain === host ? user : undefined;
}
