import * as z from 'zod/mini';

/** The settings that a key is made of, at the top of the file or under a host. */
export interface KeySettings {
  otp_seed?: string | undefined;
  otp_seed_file?: string | undefined;
  token_secret?: string | undefined;
  token_secret_file?: string | undefined;
}

/** The table `[replay]`. */
export interface ReplayTable {
  store?: 'memory' | 'directory' | 'redis' | undefined;
  path?: string | undefined;
  after_restart?: 'accept' | 'refuse' | undefined;
  url?: string | string[] | undefined;
  username?: string | undefined;
  password_file?: string | undefined;
  ca_file?: string | undefined;
  prefix?: string | undefined;
  cluster?: boolean | undefined;
  sentinel_master?: string | undefined;
}

/** A configuration file as it stands. */
export interface Document extends KeySettings {
  hosts?: Record<string, KeySettings> | undefined;
  replay?: ReplayTable | undefined;
  answer_within?: number | undefined;
  log?: { target?: string | undefined } | undefined;
}

// The keeper (bin/keeper.sh) refuses within a second, and does not know the configuration.
const MIN_ANSWER_WITHIN = 1;
const MAX_ANSWER_WITHIN = 60;

const text = z.optional(z.string());
const keySettings = { otp_seed: text, otp_seed_file: text, token_secret: text, token_secret_file: text };
const host = z.strictObject(keySettings);
const replay = z.strictObject({
  store: z.optional(z.enum(['memory', 'directory', 'redis'])),
  path: text,
  after_restart: z.optional(z.enum(['accept', 'refuse'])),
  url: z.optional(z.union([z.string(), z.array(z.string())])),
  username: text,
  password_file: text,
  ca_file: text,
  prefix: text,
  cluster: z.optional(z.boolean()),
  sentinel_master: text,
});
const log = z.strictObject({ target: text });
const top = z.strictObject({
  ...keySettings,
  hosts: z.optional(z.record(z.string(), host)),
  replay: z.optional(replay),
  answer_within: z.optional(z.number().check(z.minimum(MIN_ANSWER_WITHIN), z.maximum(MAX_ANSWER_WITHIN))),
  log: z.optional(log),
});
const tables = { hosts: host, replay, log };

/** The shape of the configuration file. What its texts mean is looked at later. */
export const schema: z.ZodMiniType<Document> = top;

/** @returns the names of the settings that may stand in a table of the file */
export function knownSettings(path: readonly PropertyKey[]): string[] {
  const [table] = path;
  return Object.keys((table === undefined ? top : tables[table as keyof typeof tables]).shape);
}
