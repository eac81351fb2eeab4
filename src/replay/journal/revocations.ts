import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import { codeOf } from '../../errors.js';
import { fileVersion } from '../../system/file-identity.js';
import type { Revocation, RevocationSnapshot, RevocationStore } from '../../users/revocations.js';
import { ReplayCacheError } from '../errors.js';
import { explainFault } from '../state-directory.js';

const SETTLED_MILLISECONDS = 100;
const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
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
        this.#append(`${JSON.stringify(revocation)}\n`);
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
    return text.split('\n').flatMap((line, index) => {
      // The rest of a line whose write was cut off: its writer has reported that.
      if (!line.endsWith('}')) return [];
      try {
        return entry.parse(JSON.parse(line));
      } catch {
        throw new ReplayCacheError(
          `${this.#path}: line ${index + 1} was not written by "xtokend revoke". Remove it`,
        );
      }
    });
  }

  /** The file belongs to the owner of the directory, as whom the daemon runs. */
  #append(line: string): void {
    const { uid, gid } = statSync(dirname(this.#path));
    const descriptor = openSync(this.#path, APPEND, 0o600);
    try {
      const file = fstatSync(descriptor);
      if (file.uid !== uid) fchownSync(descriptor, uid, gid);
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

/** Returns whether the last line was not cut off. */
function isWhole(descriptor: number, size: number): boolean {
  const last = Buffer.from('\n');
  readSync(descriptor, last, 0, 1, Math.max(0, size - 1));
  return last.toString() === '\n';
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
