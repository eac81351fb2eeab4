import type * as z from 'zod/mini';
import type { AttemptCounters } from '../passwords/throttle/attempt-counters.js';
import type { LastUses } from '../passwords/app-passwords/last-uses.js';
import type { RevocationStore } from '../users/revocations.js';
import type { SeenUsers } from '../users/seen-users.js';
import type { ReplayCache } from './replay-cache.js';

/** The table `[replay]` of a configuration; the store's own shape has checked the settings. */
export type ReplayTable = { readonly store?: string | undefined } & Readonly<Record<string, unknown>>;

/** The schemas of the settings of a store in the table `[replay]`. */
export type SettingsShape = Readonly<Record<string, z.ZodMiniType>>;

/** Gives a store what its settings refer to, and collects the problems in them. */
export interface SettingsReader {
  readonly env: NodeJS.ProcessEnv;
  /** @param setting the name of the setting in `[replay]` */
  addProblem(setting: string, message: string): void;
  /** Reads the file that a setting names. Returns `undefined` if there is none, or if it can't be read. */
  readFile(setting: string, path: string | undefined, content: 'secret' | 'certificate'): string | undefined;
}

/** What `xtokend check` reports about a store that works. */
export interface StoreReport {
  /** What the store guarantees, or why it guarantees less. */
  readonly guarantee: string;
  /** Whether a token is still refused as used after a restart. */
  readonly isDurable: boolean;
  /** The instant that its cache epoch starts at, in words. */
  readonly epoch: string;
  /** Whether its data has been removed since the last start. */
  readonly wasRemoved?: boolean;
  /** Data of a former store, which is not read any more. */
  readonly formerData?: readonly string[];
}

/** A store for the replay cache and the users who have logged in before. */
export interface StoreType<Settings> {
  readonly shape: SettingsShape;
  /** Parses its settings. Reports what is wrong to the reader. */
  readonly parse: (table: ReplayTable, reader: SettingsReader) => Settings;
  /** @param onWarning called with each fault that makes no request fail */
  readonly openReplayCache: (
    settings: Settings,
    onWarning: (message: string) => void,
  ) => ReplayCache | Promise<ReplayCache>;
  readonly openSeenUsers: (settings: Settings) => SeenUsers | Promise<SeenUsers>;
  /** Left out if nobody but the daemon could add revocations. */
  readonly openRevocations?: (settings: Settings) => RevocationStore | Promise<RevocationStore>;
  /** Left out if processes don't share the store: each counts the attempts to guess a password for itself then. */
  readonly openAttemptCounters?: (settings: Settings) => AttemptCounters | Promise<AttemptCounters>;
  /** Left out if nobody but the daemon could read them. */
  readonly openLastUses?: (settings: Settings) => LastUses | Promise<LastUses>;
  readonly report: (settings: Settings) => StoreReport;
  /** Returns whether it is reached over TCP, which a service with a private network can't use. */
  readonly needsNetwork?: (settings: Settings) => boolean;
  /** Returns the local path that its data is in: its owner and permissions are checked before it is opened. */
  readonly pathOf?: (settings: Settings) => { readonly directory: string; readonly data: string };
  /** Runs a test without creating anything that another user's daemon couldn't use later. */
  readonly test?: (
    settings: Settings,
    onWarning: (message: string) => void,
    run: (cache: ReplayCache) => Promise<boolean>,
  ) => Promise<boolean>;
}
