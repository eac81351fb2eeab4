import { storeTypeOf, type ReplaySettings } from '../../replay/registry.js';

/**
 * Reads when app passwords were used last, from all stores.
 *
 * @returns milliseconds since the Unix epoch, by identifier; `undefined` if no store keeps them
 * @throws {@link ReplayCacheError} if a store can't be used
 */
export async function readLastUses(
  stores: readonly ReplaySettings[],
): Promise<ReadonlyMap<string, number> | undefined> {
  const latest = new Map<string, number>();
  let isKept = false;
  for (const settings of stores) {
    const store = await storeTypeOf(settings).openLastUses?.(settings);
    if (store === undefined) continue;
    isKept = true;
    try {
      for (const [id, at] of await store.read()) latest.set(id, Math.max(at, latest.get(id) ?? 0));
    } finally {
      await store.close();
    }
  }
  return isKept ? latest : undefined;
}
