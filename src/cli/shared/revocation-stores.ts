import { existsSync } from 'node:fs';
import { storeTypeOf, type ReplaySettings } from '../../replay/registry.js';
import type { Revocation, RevocationStore } from '../../users/revocations.js';
import { settingsOfDaemons } from './daemon-stores.js';

/** A store of revocations, and where it is, for people. */
export interface NamedRevocationStore {
  readonly place: string;
  readonly store: RevocationStore;
  /** Whether a daemon has used it. One that can't write to its directory keeps everything in memory, and does not read it. */
  readonly isUsed: boolean;
}

/**
 * Opens the stores of the revocations that the daemons of this configuration can use. If the configuration names no directory, a
 * daemon that Prosody's module starts has another one than a service.
 *
 * @param env the environment: `STATE_DIRECTORY` also names the directory
 * @param startedDirectory returns that of the daemon that Prosody's module starts; called only if it is needed
 * @returns none if the store is the memory, or if there is no directory yet
 */
export async function openRevocationStores(
  settings: ReplaySettings,
  env: NodeJS.ProcessEnv,
  startedDirectory: () => string | undefined,
): Promise<NamedRevocationStore[]> {
  const stores = await Promise.all(
    settingsOfDaemons(settings, env, startedDirectory).map(async (own) => {
      const store = await storeTypeOf(own).openRevocations?.(own);
      const { pathOf } = storeTypeOf(own);
      const data = pathOf?.(own).data;
      const isUsed = data === undefined || existsSync(data);
      return store && { place: own.kind === 'journal' ? own.path : 'Redis', store, isUsed };
    }),
  );
  return stores.filter((store) => store !== undefined);
}

/** Reads what was recorded last about each user. A user who is blocked in one of the stores counts as blocked. */
export async function readLatest(stores: readonly NamedRevocationStore[]): Promise<Map<string, Revocation>> {
  const latest = new Map<string, Revocation>();
  for (const { store } of stores) {
    const snapshot = await store.read(undefined);
    const own = new Map(snapshot?.revocations.map((revocation) => [revocation.jid, revocation]));
    for (const [jid, revocation] of own) if (latest.get(jid)?.isBlocked !== true) latest.set(jid, revocation);
  }
  return latest;
}
