import { randomUUID } from 'node:crypto';
import { existsSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ReplaySettings } from '../../../config/replay.js';
import { timeStepAt } from '../../../credential/otp.js';
import { messageOf } from '../../../errors.js';
import {
  chooseStore,
  openReplayCache,
  CACHE_NAME,
  whyMemory,
  type DirectoryStore,
  type Store,
} from '../../../daemon/open-cache.js';
import { markOf } from '../../../replay/directory/make-cache.js';
import type { ReplayCache } from '../../../replay/replay-cache.js';
import { findExposure } from '../../../system/trusted-path.js';
import type { Finding } from '../finding.js';
import { checkReplayOwner } from './replay-owner.js';
import type { Situation } from '../situation.js';
import { trustedWith } from '../configuration/trusted-users.js';

/** Tries the replay cache: claims a made-up token, twice, and forgets it. Says what it can be relied upon for. */
export async function checkReplayCache({ configuration }: Situation): Promise<Finding[]> {
  if (configuration === undefined) return [];
  const { replay } = configuration;
  const store = chooseStore(replay);
  const findings: Finding[] = [];
  if (store.kind === 'directory') {
    // Looked at before anything is made there.
    const obstacles = [checkReplayOwner(store.path), checkExposure(store.path)].flatMap((one) => one ?? []);
    if (obstacles.length > 0) return obstacles;
  }
  try {
    const isReady = await tryStore(store, (message) => {
      findings.push(finding('warning', 'replay-degraded', message));
    });
    findings.push(guaranteeOf(store, replay));
    if (store.kind === 'directory' && wasRemoved(store.path)) findings.push(removed);
    if (!isReady) findings.push(waiting(beginningOf[store.kind]));
  } catch (error) {
    const message = `every token would be refused: the replay cache: ${messageOf(error)}`;
    findings.push(finding('problem', 'replay-unavailable', message));
  }
  return findings;
}

function checkExposure(path: string): Finding | undefined {
  const exposure = findExposure(path, trustedWith(path));
  if (exposure === undefined) return undefined;
  const message = `every token would be refused: ${exposure.message}, and so can remove the replay cache in ${path}`;
  return { ...finding('problem', 'replay-unavailable', message), fix: exposure.fix };
}

function wasRemoved(path: string): boolean {
  const cache = join(path, CACHE_NAME);
  return !existsSync(cache) && existsSync(markOf(cache));
}

const beginningOf = {
  memory: 'the start',
  directory: 'the start of this machine',
  redis: 'the beginning of the data in Redis',
};

function waiting(startInstant: string): Finding {
  return finding(
    'note',
    'replay-incomplete',
    `for up to 90 s more, tokens from before ${startInstant} are refused`,
  );
}

function guaranteeOf(store: Store, settings: ReplaySettings): Finding {
  const once = 'each token is accepted once';
  if (store.kind === 'directory') {
    return good(`${once} on this machine, over restarts and crashes; tried in ${store.path}`);
  }
  if (store.kind === 'redis') return good(`${once} by all who share this Redis and its prefix; tried`);
  if (settings.kind === 'directory') {
    return weak(`replay cache is in memory only: ${whyMemory(settings.path)}`);
  }
  return store.afterRestart === 'refuse'
    ? good(`${once} by one process; after each start, tokens from before it are refused for up to 90 s`)
    : weak(
        'used tokens are remembered in memory, by one process: after a restart, a token of the last 90 s can be used again',
      );
}

function good(message: string): Finding {
  return finding('ok', 'replay-ok', message);
}

function weak(message: string): Finding {
  return finding('warning', 'replay-not-durable', message);
}

function finding(level: Finding['level'], code: Finding['code'], message: string): Finding {
  return { level, code, subject: 'replay', message };
}

const removed = finding(
  'warning',
  'replay-removed',
  'the replay cache was removed: it is made anew at the next login, and tokens from before that are refused for up to 90 s',
);

/** @returns whether a token of this moment would be accepted */
async function tryStore(store: Store, onWarning: (message: string) => void): Promise<boolean> {
  // What the daemon will need is not left behind for it by another user: it could not use that.
  if (store.kind === 'directory' && !existsSync(join(store.path, CACHE_NAME)))
    return tryAside(store, onWarning);
  return tryReplayCache(await openReplayCache(store, onWarning));
}

async function tryAside(store: DirectoryStore, onWarning: (message: string) => void): Promise<boolean> {
  const name = `${CACHE_NAME}.check-${randomUUID()}`;
  const made = missingFolders(store.path);
  try {
    return await tryReplayCache(await openReplayCache(store, onWarning, name));
  } finally {
    const aside = join(store.path, name);
    for (const path of [aside, markOf(aside)]) if (existsSync(path)) rmSync(path, { recursive: true });
    for (const folder of made) if (existsSync(folder)) rmdirSync(folder);
  }
}

async function tryReplayCache(cache: ReplayCache): Promise<boolean> {
  const timeStep = timeStepAt(Date.now());
  const use = { id: `check-${randomUUID()}`, timeStep };
  try {
    const consumes = [await cache.consume(use, timeStep), await cache.consume(use, timeStep)];
    if (consumes.includes('replay-unknown')) return false;
    if (consumes.join() === 'consumed,replayed') return true;
    throw new Error(`expected a made-up token to be accepted once, found: ${consumes.join(', ')}`);
  } finally {
    await cache.release(use).catch(() => undefined);
    await cache.close();
  }
}

/** @returns those of a directory and the directories that hold it that do not exist, the innermost first */
function missingFolders(folder: string): string[] {
  return existsSync(folder) ? [] : [folder, ...missingFolders(dirname(folder))];
}
