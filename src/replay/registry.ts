import * as z from 'zod/mini';
import { explainUnusable, journalStore, type JournalSettings } from './journal/store.js';
import { memoryStore, type MemorySettings } from './memory/store.js';
import type { RedisSettings } from './redis/settings.js';
import { redisStore } from './redis/store.js';
import type { ReplayTable, SettingsReader, SettingsShape, StoreType } from './store.js';

/** The settings of each store, by its name in `[replay] store`. */
interface SettingsOf {
  memory: MemorySettings;
  journal: JournalSettings;
  redis: RedisSettings;
}

const stores: { readonly [Name in StoreName]: StoreType<SettingsOf[Name]> } = {
  memory: memoryStore,
  journal: journalStore,
  redis: redisStore,
};

export type StoreName = keyof SettingsOf;

/** Some stores by name, with the shapes of their settings. */
type Shapes = Readonly<Record<string, { readonly shape: SettingsShape }>>;

/** A store and its settings. */
export type ReplaySettings = { [Name in StoreName]: { readonly kind: Name } & SettingsOf[Name] }[StoreName];

/** The schema of the table `[replay]`. */
export const replaySchema: z.ZodMiniObject<z.core.$ZodLooseShape> = z.strictObject({
  store: z.optional(z.enum(Object.keys(stores))),
  ...mergeShapes(stores),
});

/** Parses the table `[replay]`. Reports what is wrong to the reader. */
export function parseReplay(table: ReplayTable, reader: SettingsReader): ReplaySettings {
  const kind = (table.store ?? 'journal') as StoreName;
  reportUnused(stores, table, reader);
  return { kind, ...stores[kind].parse(table, reader) } as ReplaySettings;
}

/**
 * Merges the settings of some stores. Stores can share a setting if they use the same schema for it.
 *
 * @throws {TypeError} if two stores have different schemas for a setting
 */
export function mergeShapes(stores: Shapes): SettingsShape {
  const merged: Record<string, z.ZodMiniType> = {};
  for (const [setting, schema] of Object.values(stores).flatMap(({ shape }) => Object.entries(shape))) {
    if ((merged[setting] ??= schema) !== schema) throw new TypeError(`two schemas for replay.${setting}`);
  }
  return merged;
}

/** Reports settings without effect: the `store` that they belong to may be missing. */
export function reportUnused(
  stores: Shapes,
  { store, ...settings }: ReplayTable,
  reader: Pick<SettingsReader, 'addProblem'>,
): void {
  // Without a `store`, the journal is tried first, then the memory.
  const used = store === undefined ? ['memory', 'journal'] : [store];
  for (const setting of Object.keys(settings).filter((name) => settings[name] !== undefined)) {
    const owners = Object.keys(stores).filter((name) => setting in (stores[name]?.shape ?? {}));
    if (owners.some((name) => used.includes(name))) continue;
    reader.addProblem(setting, `is for store = ${owners.map((name) => `"${name}"`).join(' or ')} only`);
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
  if (settings.kind !== 'journal' || settings.otherwise === undefined) return settings;
  const reason = explainUnusable(settings.path);
  if (reason === undefined) return { kind: 'journal', path: settings.path };
  onFallback(reason);
  return { kind: 'memory', ...settings.otherwise };
}

/** Returns what opens, tests and describes the store of some settings. */
export function storeTypeOf(settings: ReplaySettings): Omit<StoreType<ReplaySettings>, 'parse'> {
  return stores[settings.kind] as Omit<StoreType<ReplaySettings>, 'parse'>;
}
