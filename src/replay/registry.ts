import * as z from 'zod/mini';
import { directoryStore, explainUnusable, type DirectorySettings } from './directory/store.js';
import { memoryStore, type MemorySettings } from './memory/store.js';
import { redisStore, type RedisSettings } from './redis/store.js';
import type { ReplayTable, SettingsReader, StoreType } from './store.js';

/** The settings of each store, by its name in `[replay] store`. */
interface SettingsOf {
  memory: MemorySettings;
  directory: DirectorySettings;
  redis: RedisSettings;
}

const stores: { readonly [Name in StoreName]: StoreType<SettingsOf[Name]> } = {
  memory: memoryStore,
  directory: directoryStore,
  redis: redisStore,
};

export type StoreName = keyof SettingsOf;

/** A store and its settings. */
export type ReplaySettings = { [Name in StoreName]: { readonly kind: Name } & SettingsOf[Name] }[StoreName];

/** The schema of the table `[replay]`. */
export const replaySchema: z.ZodMiniObject<z.core.$ZodLooseShape> = z.strictObject({
  store: z.optional(z.enum(Object.keys(stores))),
  ...Object.assign({}, ...Object.values(stores).map(({ shape }) => shape)),
});

/** Parses the table `[replay]`. Reports what is wrong to the reader. */
export function parseReplay(table: ReplayTable, reader: SettingsReader): ReplaySettings {
  const kind = (table.store ?? 'directory') as StoreName;
  reportUnused(table, reader);
  return { kind, ...stores[kind].parse(table, reader) } as ReplaySettings;
}

/** A setting without effect is reported: the `store` that it belongs to may be missing. */
function reportUnused(table: ReplayTable, reader: SettingsReader): void {
  // Without a `store`, the directory is tried first, then the memory.
  const used = table.store === undefined ? ['memory', 'directory'] : [table.store];
  for (const [name, { shape }] of Object.entries(stores)) {
    const unused = used.includes(name) ? [] : Object.keys(shape).filter((key) => table[key] !== undefined);
    for (const setting of unused) reader.addProblem(setting, `is for store = "${name}" only`);
  }
}

/**
 * Returns the store to use: if the configuration names none, the memory instead of a directory that this user can't write to.
 *
 * @param onFallback called with why the memory was chosen, what that costs, and what to do
 */
export function chooseStore(
  settings: ReplaySettings,
  onFallback: (reason: string) => void = () => undefined,
): ReplaySettings {
  if (settings.kind !== 'directory' || settings.otherwise === undefined) return settings;
  const reason = explainUnusable(settings.path);
  if (reason === undefined) return { kind: 'directory', path: settings.path };
  onFallback(reason);
  return { kind: 'memory', ...settings.otherwise };
}

/** Returns what opens, tests and describes the store of some settings. */
export function storeTypeOf(settings: ReplaySettings): Omit<StoreType<ReplaySettings>, 'parse'> {
  return stores[settings.kind] as Omit<StoreType<ReplaySettings>, 'parse'>;
}
