import * as z from 'zod/mini';
import { replaySchema } from '../replay/registry.js';
import type { ReplayTable } from '../replay/store.js';

/** The settings of a key, at the top of the file or of a host. */
export interface KeySettings {
  otp_seed?: string | undefined;
  otp_seed_file?: string | undefined;
  token_secret?: string | undefined;
  token_secret_file?: string | undefined;
}

/** The settings of users, at the top of the file or of a host. */
export interface UsersTable {
  users?: string | undefined;
  restrict_auth?: boolean | undefined;
  blocked_users?: string | undefined;
}

/** A table of `[hosts]`. */
export type HostTable = KeySettings & UsersTable;

/** A table of `[[keys]]`. A time is a date of TOML, or a text in ISO 8601. */
export interface KeyTable extends KeySettings {
  id: string;
  hosts?: string[] | undefined;
  not_before?: string | Date | undefined;
  not_after?: string | Date | undefined;
}

/** The table `[log]`. */
export interface LogTable {
  target?: string | undefined;
  format?: 'plain' | 'json' | undefined;
  level?: 'info' | 'warning' | 'error' | undefined;
  client_address?: boolean | undefined;
}

/** The table `[metrics]`. */
export interface MetricsTable {
  listen: string;
  hosts?: string[] | undefined;
}

/** A configuration file. */
export interface Document extends HostTable {
  hosts?: Record<string, HostTable> | undefined;
  keys?: KeyTable[] | undefined;
  replay?: ReplayTable | undefined;
  answer_within?: number | undefined;
  log?: LogTable | undefined;
  metrics?: MetricsTable | undefined;
}

// The supervisor (bin/supervisor.sh) refuses after a second, and does not read the configuration.
const MIN_ANSWER_WITHIN = 1;
const MAX_ANSWER_WITHIN = 60;

const text = z.optional(z.string());
const keySettings = { otp_seed: text, otp_seed_file: text, token_secret: text, token_secret_file: text };
const userSettings = { users: text, restrict_auth: z.optional(z.boolean()), blocked_users: text };
const host = z.strictObject({ ...keySettings, ...userSettings });
const instant = z.optional(z.union([z.string(), z.date()]));
const key = z.strictObject({
  id: z.string(),
  ...keySettings,
  hosts: z.optional(z.array(z.string())),
  not_before: instant,
  not_after: instant,
});
const log = z.strictObject({
  target: text,
  format: z.optional(z.enum(['plain', 'json'])),
  level: z.optional(z.enum(['info', 'warning', 'error'])),
  client_address: z.optional(z.boolean()),
});
const metrics = z.strictObject({ listen: z.string(), hosts: z.optional(z.array(z.string())) });
const top = z.strictObject({
  ...keySettings,
  ...userSettings,
  hosts: z.optional(z.record(z.string(), host)),
  keys: z.optional(z.array(key)),
  replay: z.optional(replaySchema),
  answer_within: z.optional(z.number().check(z.minimum(MIN_ANSWER_WITHIN), z.maximum(MAX_ANSWER_WITHIN))),
  log: z.optional(log),
  metrics: z.optional(metrics),
});
const tables = { hosts: host, keys: key, replay: replaySchema, log, metrics };

/** The types of the settings. Their values are checked later. */
export const schema: z.ZodMiniType<Document> = top;

/** Returns the names of the settings that a table of the file can have. */
export function knownSettings(path: readonly PropertyKey[]): string[] {
  const [table] = path;
  return Object.keys((table === undefined ? top : tables[table as keyof typeof tables]).shape);
}

/** Describes the places where a setting can be. Returns none for a name that is not a setting. */
export function placesOf(key: string): string[] {
  const atTop = Object.hasOwn(top.shape, key) ? ['at the top of the file, before the first [table]'] : [];
  const others = Object.entries(tables).filter(([, table]) => Object.hasOwn(table.shape, key));
  const below = others.map(([name]) => `below ${headings[name] ?? `[${name}]`}`);
  return atTop.length > 0 ? atTop : below;
}

const headings: Readonly<Record<string, string>> = { hosts: '[hosts."example.com"]', keys: '[[keys]]' };
