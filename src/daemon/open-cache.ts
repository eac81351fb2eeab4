import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { MemorySettings, ReplaySettings } from '../config/replay.js';
import { codeOf } from '../errors.js';
import { DirectoryReplayCache } from '../replay/directory/directory-cache.js';
import { markOf } from '../replay/directory/make-cache.js';
import { MemoryReplayCache } from '../replay/memory/memory-cache.js';
import { exists } from '../replay/directory/own-directory.js';
import type { ReplayCache } from '../replay/replay-cache.js';
import { startInstant } from './service-start.js';
import { machineAge } from '../system/processes.js';

/** The name of the record in the directory that the configuration names. */
export const CACHE_NAME = 'used-tokens';

/** What was chosen of what the configuration leaves open. */
export type Store = Exclude<ReplaySettings, { readonly kind: 'directory' }> | DirectoryStore;

/** A directory that is used, whatever comes. */
export interface DirectoryStore {
  readonly kind: 'directory';
  readonly path: string;
}

/**
 * Chooses between a directory and the memory, where the configuration leaves that open: the directory, where this user
 * could write to it. One that has held a record before is never passed over: it says what was used.
 */
export function chooseStore(settings: ReplaySettings): Store {
  if (settings.kind !== 'directory') return settings;
  const { path, otherwise } = settings;
  return otherwise === undefined || hasReplayCache(path) || isWritable(path)
    ? { kind: 'directory', path }
    : otherwise;
}

/** Says why the memory was chosen, what is lost by it, and what to do. */
export function whyMemory(path: string): string {
  return (
    `this user (uid ${String(process.getuid?.())}) cannot write to ${path}. After a restart, and by a second process, a token of the last ` +
    `90 s can be used again. Make ${path} for this user, or name another directory in replay.path; store = "memory" silences this`
  );
}

/**
 * Opens the replay cache.
 *
 * @param onWarning is told what is wrong with it, but keeps nobody from being let in
 * @param name of a record in a directory, where it is another than the daemon's
 */
export async function openReplayCache(
  store: Store,
  onWarning: (message: string) => void,
  name: string = CACHE_NAME,
): Promise<ReplayCache> {
  if (store.kind === 'memory') return openMemory(store);
  if (store.kind === 'directory') {
    return new DirectoryReplayCache({
      root: join(store.path, name),
      cacheEpoch: machineStart(onWarning),
      onWarning,
    });
  }
  // Its client takes as long to load as all the rest.
  const { RedisReplayCache } = await import('../replay/redis/redis-cache.js');
  return new RedisReplayCache(store);
}

function openMemory({ afterRestart }: MemorySettings): ReplayCache {
  return afterRestart === 'refuse' ? new MemoryReplayCache(processStart()) : new MemoryReplayCache();
}

function processStart(): () => number {
  return startInstant(Date.now, () => performance.now());
}

/** @returns a function that says when the machine or container started; where that cannot be told, this process, which is later */
function machineStart(onWarning: (message: string) => void): () => number {
  const age = machineAge();
  if (age === undefined) {
    onWarning(
      'when this machine or container started cannot be told: expected /proc/1/stat to be readable, and it is not. So after each start of ' +
        'xtokend tokens from before it are refused for up to 90 s: mount /proc without hidepid=, or let xtokend see process 1',
    );
    return processStart();
  }
  const before = age - performance.now();
  return startInstant(Date.now, () => before + performance.now());
}

function hasReplayCache(path: string): boolean {
  try {
    return [CACHE_NAME, markOf(CACHE_NAME)].some((name) => exists(join(path, name)));
  } catch {
    // This user may not even look.
    return false;
  }
}

/** Whether this user could make files in a directory, or make the directory. A full disk is no reason against it. */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    return codeOf(error) === 'ENOENT' && isWritable(dirname(path));
  }
}
