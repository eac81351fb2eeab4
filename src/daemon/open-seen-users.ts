import { join } from 'node:path';
import { DirectorySeenUsers } from '../replay/directory/seen-users.js';
import { MemorySeenUsers } from '../replay/memory/seen-users.js';
import type { SeenUsers } from '../users/seen-users.js';
import type { Store } from './open-cache.js';

/** Opens the record of who has logged in before, beside that of used tokens. */
export async function openSeenUsers(store: Store): Promise<SeenUsers> {
  if (store.kind === 'memory') return new MemorySeenUsers();
  if (store.kind === 'directory') return new DirectorySeenUsers(join(store.path, 'seen-users'));
  const { RedisSeenUsers } = await import('../replay/redis/seen-users.js');
  return new RedisSeenUsers(store);
}
