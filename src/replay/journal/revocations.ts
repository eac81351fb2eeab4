import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  statSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import * as z from 'zod/mini';
import { codeOf } from '../../errors.js';
import { isRoot } from '../../system/effective-user.js';
import { fileVersion } from '../../system/file-identity.js';
import { explainReadError, isMissing, readTextFile } from '../../system/read-file.js';
import {
  isRevocable,
  type Revocation,
  type RevocationSnapshot,
  type RevocationStore,
} from '../../users/revocations.js';
import { ReplayCacheError } from '../errors.js';
import { assertTrusted, explainFault } from '../state-directory.js';

const SETTLED_MILLISECONDS = 100;
/** Far more than anybody writes with `xtokend revoke`. */
const MAX_BYTES = 16 * 1024 * 1024;
/** The last instant of a `Date`. */
const MAX_TIME = 8.64e15;
const START = '{"jid":"';
const { O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
const APPEND = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK;
const CREATE = APPEND | O_CREAT | O_EXCL;
const NO_FILE = 'no file';
const EMPTY: RevocationSnapshot = { revision: NO_FILE, revocations: [] };

const entry = z.strictObject({ jid: z.string(), revokedAt: z.number(), isBlocked: z.boolean() });

/**
 * The revocations in a file, a line of JSON for each: lines are only appended, so that two writers need no lock, and the file tells
 * who was revoked when.
 */
export class FileRevocations implements RevocationStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  read(revision: string | undefined): Promise<RevocationSnapshot | undefined> {
    return new Promise((resolve) => {
      try {
        const version = fileVersion(this.#path, SETTLED_MILLISECONDS);
        const isUnchanged = version !== undefined && version === revision;
        const text = isUnchanged ? undefined : readIfThere(this.#path);
        if (text !== undefined) resolve({ revision: version ?? '', revocations: this.#parse(text) });
        else resolve(isUnchanged || revision === NO_FILE ? undefined : EMPTY);
      } catch (error) {
        throw explainFault(this.#path, error);
      }
    });
  }

  /** @throws if the directory doesn't exist, so that a wrong path is noticed */
  add(revocation: Revocation): Promise<void> {
    return new Promise((resolve) => {
      try {
        inDirectory(dirname(this.#path), (owner) => {
          this.#append(`${JSON.stringify(revocation)}\n`, owner);
        });
        resolve();
      } catch (error) {
        throw explainFault(this.#path, error);
      }
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #parse(text: string): Revocation[] {
    return text.split('\n').flatMap((untrimmed, index) => {
      const line = untrimmed.trim();
      // The rest of a line whose write was cut off: its writer has reported that.
      const isCutOff = START.startsWith(line.slice(0, START.length)) && !line.endsWith('}');
      if (line === '' || isCutOff) return [];
      try {
        return parseEntry(line);
      } catch {
        throw new ReplayCacheError(
          `${this.#path}: line ${index + 1} was not written by "xtokend revoke". Remove it`,
        );
      }
    });
  }

  /** In the current directory. @param owner to whom the file must belong */
  #append(line: string, owner: Stats | undefined): void {
    const descriptor = openOrCreate(basename(this.#path), owner);
    try {
      const file = fstatSync(descriptor);
      if (!file.isFile()) throw new ReplayCacheError(`${this.#path}: expected a regular file. Remove it`);
      if (owner !== undefined && file.uid !== owner.uid) throw otherOwner(this.#path, file, owner);
      const bytes = Buffer.from(isWhole(descriptor, file.size) ? line : `\n${line}`);
      if (writeSync(descriptor, bytes) < bytes.length) {
        throw Object.assign(new Error('the write was cut off'), { code: 'ENOSPC' });
      }
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

/**
 * Does some work with a directory as the current one, so that nobody can replace it meanwhile.
 *
 * @param work is given the owner of the directory if this user is root. The daemon runs as that owner, who could make root write
 *   elsewhere by a link or by another user's file
 * @throws {@link ReplayCacheError} if root owns it, but another user can change a directory that leads to it
 */
function inDirectory(directory: string, work: (owner: Stats | undefined) => void): void {
  const before = process.cwd();
  process.chdir(directory);
  try {
    const owner = isRoot() ? statSync('.') : undefined;
    if (owner?.uid === 0) assertTrusted(directory);
    work(owner);
  } finally {
    process.chdir(before);
  }
}

/** Follows no symbolic link. */
function openOrCreate(name: string, owner: Stats | undefined): number {
  try {
    return openSync(name, APPEND);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    const descriptor = openSync(name, CREATE, 0o600);
    if (owner !== undefined) fchownSync(descriptor, owner.uid, owner.gid);
    return descriptor;
  } catch (error) {
    // Another process was faster.
    if (codeOf(error) === 'EEXIST') return openSync(name, APPEND);
    throw error;
  }
}

function otherOwner(path: string, file: Stats, { uid, gid }: Stats): ReplayCacheError {
  return new ReplayCacheError(
    `${path}: expected a file of uid ${uid}, found one of uid ${file.uid}. Run: chown -h ${uid}:${gid} '${path}'`,
  );
}

/** @throws if a line is not a revocation */
function parseEntry(line: string): Revocation {
  const revocation = entry.parse(JSON.parse(line));
  const { jid, revokedAt } = revocation;
  const isInstant = Number.isInteger(revokedAt) && revokedAt >= 0 && revokedAt <= MAX_TIME;
  if (!isInstant || !isRevocable(jid)) throw new RangeError('expected a JID and an instant');
  return revocation;
}

/** Returns whether the last line was not cut off. */
function isWhole(descriptor: number, size: number): boolean {
  const last = Buffer.from('\n');
  readSync(descriptor, last, 0, 1, Math.max(0, size - 1));
  return last.toString() === '\n';
}

function readIfThere(path: string): string | undefined {
  try {
    return readTextFile(path, MAX_BYTES);
  } catch (error) {
    if (isMissing(error)) return undefined;
    const isOfSystem = /^E(?!ACCES|RR_)/.test(String(codeOf(error)));
    throw isOfSystem ? error : new ReplayCacheError(`${path}: ${explainReadError(error)}`);
  }
}
