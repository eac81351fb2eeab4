import { randomUUID } from 'node:crypto';
import { accessSync, constants, existsSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import * as z from 'zod/mini';
import { codeOf } from '../../errors.js';
import { machineAge } from '../../system/processes.js';
import { startInstant } from '../cache-epoch.js';
import { memoryStore, type MemorySettings } from '../memory/store.js';
import { exists } from '../state-directory.js';
import type { StoreType } from '../store.js';
import { JournalReplayCache } from './journal-cache.js';
import { beganOf } from './cache-directory.js';
import { FileLastUses } from './last-uses.js';
import { FileRevocations } from './revocations.js';
import { FileSeenUsers } from './seen-users.js';

const DEFAULT_DIRECTORY = '/var/lib/xtokend';
const CACHE_NAME = 'replay-cache';
const REVOCATIONS_NAME = 'revocations';
/** What the store "directory" left behind. */
const FORMER_NAMES = ['used-tokens', 'used-tokens.began'];

/** `store = "journal"`, or no `store` at all. */
export interface JournalSettings {
  readonly path: string;
  /** Used if the directory can't be; not set if the configuration names the directory. */
  readonly otherwise?: MemorySettings;
}

/** Keeps everything in a directory, for all processes of one user. */
export const journalStore: StoreType<JournalSettings> = {
  shape: { path: z.optional(z.string()) },
  parse: (table, reader) => {
    const { store, path: named } = table;
    const path =
      typeof named === 'string'
        ? named
        : (reader.env['STATE_DIRECTORY']?.split(':', 1)[0] ?? DEFAULT_DIRECTORY);
    if (!isAbsolute(path)) reader.addProblem('path', 'expected an absolute path');
    return (store ?? named) !== undefined ? { path } : { path, otherwise: memoryStore.parse(table, reader) };
  },
  openReplayCache: ({ path }, onWarning) => openReplayCache(join(path, CACHE_NAME), onWarning),
  openSeenUsers: ({ path }) => new FileSeenUsers(join(path, 'seen-users')),
  openRevocations: ({ path }) => new FileRevocations(join(path, REVOCATIONS_NAME)),
  openLastUses: ({ path }) => new FileLastUses(join(path, 'last-uses')),
  report: ({ path }) => {
    const data = join(path, CACHE_NAME);
    return {
      isDurable: true,
      guarantee: `each token is accepted once on this machine, over restarts and crashes; tried in ${path}`,
      epoch: 'the start of this machine',
      wasRemoved: !exists(data) && exists(beganOf(data)),
      formerData: FORMER_NAMES.map((name) => join(path, name)).filter(exists),
    };
  },
  pathOf: ({ path }) => ({ directory: path, data: join(path, CACHE_NAME) }),
  test: async ({ path }, onWarning, run) => {
    const root = join(path, CACHE_NAME);
    if (existsSync(root)) return run(openReplayCache(root, onWarning));
    // A cache that another user's daemon couldn't use must not be left behind.
    const made = missingDirectories(path);
    const aside = `${root}.check-${randomUUID()}`;
    try {
      return await run(openReplayCache(aside, onWarning));
    } finally {
      for (const created of [aside, beganOf(aside)].filter(exists)) rmSync(created, { recursive: true });
      for (const directory of made) if (existsSync(directory)) rmdirSync(directory);
    }
  },
};

/**
 * Returns why the directory can't be used: this user can't write to it. A directory that already holds a replay cache is always
 * used: it knows which tokens were used.
 */
export function explainUnusable(path: string): string | undefined {
  if (hasReplayCache(path) || isWritable(path)) return undefined;
  return (
    `this user (uid ${String(process.getuid?.())}) can't write to ${path}. After a restart, and by a second process, a token of the last ` +
    `90 s can be used again. Make ${path} writable for this user, or set replay.path to another directory; store = "memory" silences this warning`
  );
}

function openReplayCache(root: string, onWarning: (message: string) => void): JournalReplayCache {
  return new JournalReplayCache({ root, cacheEpoch: machineStart(onWarning), onWarning });
}

/** Returns a function that returns when the machine or container started, or, if that is unknown, this process, which is later. */
function machineStart(onWarning: (message: string) => void): () => number {
  const age = machineAge();
  if (age === undefined) {
    onWarning(
      'the start time of this machine or container is unknown: expected /proc/1/stat to be readable. So after each start of xtokend, ' +
        'tokens from before it are refused for up to 90 s: mount /proc without hidepid=, or make process 1 visible to xtokend',
    );
    return startInstant(Date.now, () => performance.now());
  }
  const before = age - performance.now();
  return startInstant(Date.now, () => before + performance.now());
}

function hasReplayCache(path: string): boolean {
  try {
    return [CACHE_NAME, beganOf(CACHE_NAME)].some((name) => exists(join(path, name)));
  } catch {
    // This user may not be allowed to list the directory.
    return false;
  }
}

/** Returns whether this user could create files in a directory, or create it. A full disk counts as writable. */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    return codeOf(error) === 'ENOENT' && isWritable(dirname(path));
  }
}

/** Returns those of a directory and its parents that don't exist, the innermost first. */
function missingDirectories(path: string): string[] {
  return existsSync(path) ? [] : [path, ...missingDirectories(dirname(path))];
}
