import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { MemorySettings, ReplaySettings } from '../config/replay.js';
import { codeOf } from '../errors.js';
import { DirectoryRecord } from '../replay/directory-record.js';
import { markOf } from '../replay/make-record.js';
import { MemoryRecord } from '../replay/memory-record.js';
import { exists } from '../replay/own-directory.js';
import type { ReplayRecord } from '../replay/replay-record.js';
import { beginning } from './beginning.js';
import { machineAge } from './processes.js';

/** The name of the record in the directory that the configuration names. */
export const RECORD_NAME = 'used-tokens';

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
  return otherwise === undefined || hasRecord(path) || isWritable(path)
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
 * Opens the record of used tokens.
 *
 * @param onTrouble is told what is wrong with it, but keeps nobody from being let in
 * @param name of a record in a directory, where it is another than the daemon's
 */
export async function openRecord(
  store: Store,
  onTrouble: (message: string) => void,
  name: string = RECORD_NAME,
): Promise<ReplayRecord> {
  if (store.kind === 'memory') return openMemory(store);
  if (store.kind === 'directory') {
    return new DirectoryRecord({ root: join(store.path, name), horizon: machineStart(onTrouble), onTrouble });
  }
  // Its client takes as long to load as all the rest.
  const { RedisRecord } = await import('../replay/redis-record.js');
  return new RedisRecord(store);
}

function openMemory({ afterRestart }: MemorySettings): ReplayRecord {
  return afterRestart === 'refuse' ? new MemoryRecord(processStart()) : new MemoryRecord();
}

function processStart(): () => number {
  return beginning(Date.now, () => performance.now());
}

/** @returns a function that says when the machine or container started; where that cannot be told, this process, which is later */
function machineStart(onTrouble: (message: string) => void): () => number {
  const age = machineAge();
  if (age === undefined) {
    onTrouble(
      'when this machine or container started cannot be told: expected /proc/1/stat to be readable, and it is not. So after each start of ' +
        'xtokend tokens from before it are refused for up to 90 s: mount /proc without hidepid=, or let xtokend see process 1',
    );
    return processStart();
  }
  const before = age - performance.now();
  return beginning(Date.now, () => before + performance.now());
}

function hasRecord(path: string): boolean {
  try {
    return [RECORD_NAME, markOf(RECORD_NAME)].some((name) => exists(join(path, name)));
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
