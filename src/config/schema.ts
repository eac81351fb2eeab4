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

/** The table `[passwords]`, at the top of the file or of a host. */
export interface PasswordsTable {
  store?: string | undefined;
  command?: string[] | undefined;
  protocol?: 'generic' | 'ejabberd' | undefined;
  processes?: number | undefined;
  url?: string | undefined;
  token_file?: string | undefined;
  ca_file?: string | undefined;
  order?: ('store' | 'command' | 'url')[] | undefined;
  timeout?: number | undefined;
  limits?: LimitsTable | undefined;
}

/** The table `[passwords.limits]`. */
export interface LimitsTable {
  window?: number | undefined;
  user_from_address?: number | undefined;
  address?: number | undefined;
  user?: number | undefined;
}

/** A table of `[hosts]`. */
export type HostTable = KeySettings & UsersTable & { passwords?: PasswordsTable | undefined };

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
const MIN_TIMEOUT = 0.1;
const MAX_PROCESSES = 16;
/** A day, in seconds. */
const MAX_WINDOW = 86_400;
const MAX_TRIES = 1_000_000;

const text = z.optional(z.string());
const keySettings = { otp_seed: text, otp_seed_file: text, token_secret: text, token_secret_file: text };
const userSettings = { users: text, restrict_auth: z.optional(z.boolean()), blocked_users: text };
const tries = z.optional(z.number().check(z.multipleOf(1), z.minimum(1), z.maximum(MAX_TRIES)));
const limits = z.strictObject({
  window: z.optional(z.number().check(z.multipleOf(1), z.minimum(1), z.maximum(MAX_WINDOW))),
  user_from_address: tries,
  address: tries,
  user: tries,
});
const passwords = z.strictObject({
  store: text,
  command: z.optional(z.array(z.string())),
  protocol: z.optional(z.enum(['generic', 'ejabberd'])),
  processes: z.optional(z.number().check(z.multipleOf(1), z.minimum(1), z.maximum(MAX_PROCESSES))),
  url: text,
  token_file: text,
  ca_file: text,
  order: z.optional(z.array(z.enum(['store', 'command', 'url']))),
  timeout: z.optional(z.number().check(z.minimum(MIN_TIMEOUT), z.maximum(MAX_ANSWER_WITHIN))),
  limits: z.optional(limits),
});
const host = z.strictObject({ ...keySettings, ...userSettings, passwords: z.optional(passwords) });
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
  passwords: z.optional(passwords),
  hosts: z.optional(z.record(z.string(), host)),
  keys: z.optional(z.array(key)),
  replay: z.optional(replaySchema),
  answer_within: z.optional(z.number().check(z.minimum(MIN_ANSWER_WITHIN), z.maximum(MAX_ANSWER_WITHIN))),
  log: z.optional(log),
  metrics: z.optional(metrics),
});
const tables = { hosts: host, keys: key, replay: replaySchema, passwords, limits, log, metrics };

/** The types of the settings. Their values are checked later. */
export const schema: z.ZodMiniType<Document> = top;

/** Returns the names of the settings that a table of the file can have. */
export function knownSettings(path: readonly PropertyKey[]): string[] {
  const [table, name, ...below] = path;
  // Each host, and each key, has a table of its own.
  const inner = table === 'hosts' || table === 'keys' ? below.at(-1) : name;
  const last = (inner ?? table) as keyof typeof tables | undefined;
  return Object.keys((last === undefined ? top : tables[last]).shape);
}

/** Describes the places where a setting can be. Returns none for a name that is not a setting. */
export function placesOf(key: string): string[] {
  const atTop = Object.hasOwn(top.shape, key) ? ['at the top of the file, before the first [table]'] : [];
  const others = Object.entries(tables).filter(([, table]) => Object.hasOwn(table.shape, key));
  const below = others.map(([name]) => `below ${headings[name] ?? `[${name}]`}`);
  return atTop.length > 0 ? atTop : below;
}

const headings: Readonly<Record<string, string>> = {
  hosts: '[hosts."example.com"]',
  keys: '[[keys]]',
  limits: '[passwords.limits]',
};
