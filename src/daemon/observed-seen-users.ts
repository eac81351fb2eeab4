import type { KnownUsers, SeenUsers } from '../users/seen-users.js';
import type { Log } from '../log/log.js';
import { StoreFaults } from './store-faults.js';

const MESSAGES = {
  failed: 'users that have logged in before are unavailable: isuser is refused for everybody',
  recovered: 'users that have logged in before are available again',
};

/** Makes a record of seen users that never throws, and logs what is wrong with it as `watchRecord()` does for tokens. */
export function observeSeenUsers(seen: SeenUsers, log: Log): KnownUsers {
  const faults = new StoreFaults(log, MESSAGES);
  return {
    has: (user, host) => faults.ask(() => seen.has(user, host)),
    add: async (user, host) => {
      await faults.ask(() => seen.add(user, host));
    },
  };
}
