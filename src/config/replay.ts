import { isAbsolute } from 'node:path';
import { messageOf } from '../errors.js';
import { rememberSecret } from '../log/known-secrets.js';
import type { RedisAddress, RedisSettings } from '../replay/redis/settings.js';
import type { Problem } from './errors.js';
import { parseRedisAddress } from '../replay/redis/address.js';
import type { ReplayTable } from './schema.js';
import { readSecretFile, type SecretFilePlaces } from './keys/secret-file.js';

/** Where used tokens are remembered. */
export type ReplaySettings =
  | MemorySettings
  | {
      readonly kind: 'directory';
      /** The directory that the record stands in. */
      readonly path: string;
      /** Taken where the directory is missing and cannot be made, or is not writable; never, where it is left out. */
      readonly otherwise?: MemorySettings;
    }
  | ({ readonly kind: 'redis' } & RedisSettings);

/** `store = "memory"`. */
export interface MemorySettings {
  readonly kind: 'memory';
  /** Whether tokens that could have been used before the process started are accepted. */
  readonly afterRestart: 'accept' | 'refuse';
}

const DEFAULT_DIRECTORY = '/var/lib/xtokend';
const DEFAULT_URL = 'redis://127.0.0.1:6379';
const DEFAULT_PREFIX = 'xtokend:';

/** Which settings belong to which stores. */
const stores = {
  memory: ['after_restart'],
  directory: ['path'],
  redis: ['url', 'username', 'password_file', 'ca_file', 'prefix', 'cluster', 'sentinel_master'],
} as const;

/** Reads the table `[replay]`, and gathers what is wrong in it. */
export class ReplayReader {
  readonly problems: Problem[] = [];
  readonly secretFiles: string[] = [];
  readonly certificateFiles: string[] = [];
  readonly #places: SecretFilePlaces;

  constructor(places: SecretFilePlaces) {
    this.#places = places;
  }

  /** @param env the environment: `STATE_DIRECTORY` (systemd.exec(5)) */
  read(table: ReplayTable, env: NodeJS.ProcessEnv): ReplaySettings {
    this.#refuseForeign(table);
    const memory: MemorySettings = { kind: 'memory', afterRestart: table.after_restart ?? 'accept' };
    if (table.store === 'memory') return memory;
    if (table.store === 'redis') return { kind: 'redis', ...this.#readRedis(table) };
    const path = table.path ?? env['STATE_DIRECTORY']?.split(':', 1)[0] ?? DEFAULT_DIRECTORY;
    if (!isAbsolute(path)) this.#add('path', 'expected an absolute path');
    // Whoever names the directory wants it.
    const isAsked = (table.store ?? table.path) !== undefined;
    return isAsked ? { kind: 'directory', path } : { kind: 'directory', path, otherwise: memory };
  }

  #readRedis(table: ReplayTable): RedisSettings {
    const { prefix = DEFAULT_PREFIX, url = DEFAULT_URL, cluster = false } = table;
    const urls = typeof url === 'string' ? [url] : url;
    const addresses = urls.flatMap((text) => this.#readAddress(text));
    const several = cluster || table.sentinel_master !== undefined;
    if (cluster && table.sentinel_master !== undefined) {
      this.#add('cluster', 'expected either cluster or sentinel_master, found both');
    }
    if (urls.length === 0) this.#add('url', 'expected an address such as redis://127.0.0.1:6379');
    if (urls.length > 1 && !several) {
      this.#add('url', 'several are for cluster = true, or for the Sentinels of sentinel_master');
    }
    if (several && addresses.some(({ path }) => path !== undefined)) {
      this.#add('url', 'expected redis:// or rediss://: clusters and Sentinels have no Unix sockets');
    }
    if (/[{}]/.test(prefix)) this.#add('prefix', 'expected no braces: they say where in a cluster a key is');
    return {
      addresses,
      username: table.username,
      password: this.#readFile('password_file', table.password_file),
      ca: this.#readFile('ca_file', table.ca_file),
      prefix,
      isCluster: cluster,
      sentinelMaster: table.sentinel_master,
    };
  }

  #readAddress(text: string): RedisAddress[] {
    try {
      return [parseRedisAddress(text)];
    } catch (error) {
      this.#add('url', messageOf(error));
      return [];
    }
  }

  #readFile(setting: 'password_file' | 'ca_file', value: string | undefined): string | undefined {
    if (value === undefined) return undefined;
    try {
      const { path, text } = readSecretFile(value, this.#places);
      (setting === 'password_file' ? this.secretFiles : this.certificateFiles).push(path);
      if (setting === 'password_file') rememberSecret(text);
      if (text !== '') return text;
      this.#add(setting, 'the file that it names is empty');
    } catch (error) {
      this.#add(setting, messageOf(error));
    }
    return undefined;
  }

  /** A setting without effect misleads: the store that it belongs to may have been forgotten. */
  #refuseForeign(table: ReplayTable): void {
    const allowed = table.store === undefined ? ['memory', 'directory'] : [table.store];
    for (const [store, settings] of Object.entries(stores)) {
      if (allowed.includes(store)) continue;
      for (const setting of settings) {
        if (table[setting] !== undefined) this.#add(setting, `is for store = "${store}" only`);
      }
    }
  }

  #add(setting: string, message: string): void {
    this.problems.push({ where: `replay.${setting}`, message });
  }
}
