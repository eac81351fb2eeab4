import { randomUUID } from 'node:crypto';
import { existsSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ReplaySettings } from '../../config/replay.js';
import { stepAt } from '../../credential/otp.js';
import { messageOf } from '../../errors.js';
import {
  chooseStore,
  openRecord,
  RECORD_NAME,
  whyMemory,
  type DirectoryStore,
  type Store,
} from '../../operations/open-record.js';
import { markOf } from '../../replay/make-record.js';
import type { ReplayRecord } from '../../replay/replay-record.js';
import { findExposure } from '../../trusted-path.js';
import type { Finding } from './finding.js';
import { checkRecordOwner } from './record-owner.js';
import type { Situation } from './situation.js';
import { trustedWith } from './trusted-users.js';

/** Tries the record of used tokens: claims a made-up token, twice, and forgets it. Says what it can be relied upon for. */
export async function checkRecord({ configuration }: Situation): Promise<Finding[]> {
  if (configuration === undefined) return [];
  const { replay } = configuration;
  const store = chooseStore(replay);
  const findings: Finding[] = [];
  if (store.kind === 'directory') {
    // Looked at before anything is made there.
    const obstacles = [checkRecordOwner(store.path), checkExposure(store.path)].flatMap((one) => one ?? []);
    if (obstacles.length > 0) return obstacles;
  }
  try {
    const isReady = await tryStore(store, (message) => {
      findings.push(finding('warning', 'record-trouble', message));
    });
    findings.push(guaranteeOf(store, replay));
    if (store.kind === 'directory' && wasRemoved(store.path)) findings.push(removed);
    if (!isReady) findings.push(waiting(beginningOf[store.kind]));
  } catch (error) {
    const message = `every token would be refused: the record of used tokens: ${messageOf(error)}`;
    findings.push(finding('problem', 'record-unusable', message));
  }
  return findings;
}

function checkExposure(path: string): Finding | undefined {
  const exposure = findExposure(path, trustedWith(path));
  if (exposure === undefined) return undefined;
  const message = `every token would be refused: ${exposure.message}, and so can remove the record of used tokens in ${path}`;
  return { ...finding('problem', 'record-unusable', message), cure: exposure.fix };
}

function wasRemoved(path: string): boolean {
  const record = join(path, RECORD_NAME);
  return !existsSync(record) && existsSync(markOf(record));
}

const beginningOf = {
  memory: 'the start',
  directory: 'the start of this machine',
  redis: 'the beginning of the data in Redis',
};

function waiting(beginning: string): Finding {
  return finding(
    'note',
    'record-waiting',
    `for up to 90 s more, tokens from before ${beginning} are refused`,
  );
}

function guaranteeOf(store: Store, settings: ReplaySettings): Finding {
  const once = 'each token is accepted once';
  if (store.kind === 'directory') {
    return good(`${once} on this machine, over restarts and crashes; tried in ${store.path}`);
  }
  if (store.kind === 'redis') return good(`${once} by all who share this Redis and its prefix; tried`);
  if (settings.kind === 'directory') {
    return weak(`used tokens are remembered in memory only: ${whyMemory(settings.path)}`);
  }
  return store.afterRestart === 'refuse'
    ? good(`${once} by one process; after each start, tokens from before it are refused for up to 90 s`)
    : weak(
        'used tokens are remembered in memory, by one process: after a restart, a token of the last 90 s can be used again',
      );
}

function good(message: string): Finding {
  return finding('ok', 'record-good', message);
}

function weak(message: string): Finding {
  return finding('warning', 'record-weak', message);
}

function finding(level: Finding['level'], code: Finding['code'], message: string): Finding {
  return { level, code, subject: 'record', message };
}

const removed = finding(
  'warning',
  'record-removed',
  'the record of used tokens was removed: it is made anew at the next login, and tokens from before that are refused for up to 90 s',
);

/** @returns whether a token of this moment would be accepted */
async function tryStore(store: Store, onTrouble: (message: string) => void): Promise<boolean> {
  // What the daemon will need is not left behind for it by another user: it could not use that.
  if (store.kind === 'directory' && !existsSync(join(store.path, RECORD_NAME)))
    return tryAside(store, onTrouble);
  return tryRecord(await openRecord(store, onTrouble));
}

async function tryAside(store: DirectoryStore, onTrouble: (message: string) => void): Promise<boolean> {
  const name = `${RECORD_NAME}.check-${randomUUID()}`;
  const made = missingFolders(store.path);
  try {
    return await tryRecord(await openRecord(store, onTrouble, name));
  } finally {
    const aside = join(store.path, name);
    for (const path of [aside, markOf(aside)]) if (existsSync(path)) rmSync(path, { recursive: true });
    for (const folder of made) if (existsSync(folder)) rmdirSync(folder);
  }
}

async function tryRecord(record: ReplayRecord): Promise<boolean> {
  const step = stepAt(Date.now());
  const use = { id: `check-${randomUUID()}`, step };
  try {
    const claims = [await record.claim(use, step), await record.claim(use, step)];
    if (claims.includes('before-horizon')) return false;
    if (claims.join() === 'claimed,replayed') return true;
    throw new Error(`expected a made-up token to be accepted once, found: ${claims.join(', ')}`);
  } finally {
    await record.forget(use).catch(() => undefined);
    await record.close();
  }
}

/** @returns those of a folder and the folders that hold it that do not exist, the innermost first */
function missingFolders(folder: string): string[] {
  return existsSync(folder) ? [] : [folder, ...missingFolders(dirname(folder))];
}
