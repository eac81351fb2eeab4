import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { identityOf, isAt, sizeAt, type FileIdentity } from '../../system/file-identity.js';
import { ReplayCacheError } from '../errors.js';
import { assertOwn, exists } from '../state-directory.js';
import { FingerprintSet } from './fingerprint-set.js';

/*
 * A record is a line feed, 24 characters that identify the token, a UUID of the attempt to consume it, and a line feed. As each record
 * starts on a new line, one that was written in part doesn't garble the next: only lines of exactly 60 characters count.
 */
const KEY_BYTES = 18;
const KEY_CHARACTERS = 24;
const LINE_CHARACTERS = 60;
/** The size of a record. */
export const RECORD_BYTES: number = LINE_CHARACTERS + 2;

const NOT_A_JOURNAL =
  'expected lines of 60 characters, found other data. Tokens of this time step are refused until xtokend removes the file, within 3 minutes';
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
/** Shared by all journals, which are read synchronously. */
const buffer = Buffer.allocUnsafe(64 * 1024);

/** What resolves or rejects the promise of a token. */
interface Waiting {
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/** `'lost'`: the file was moved, removed or cut, so that records of other processes may be missing. */
export type AppendResult = 'consumed' | 'replayed' | 'lost';

/**
 * The used tokens of a time step: a file that any number of processes append to and read.
 *
 * The kernel serializes appends, so all processes see the records in the same order, and the first record of a token wins. A process
 * that has read up to its own record knows all earlier ones.
 */
export class TimeStepJournal {
  /** Whether the file was missing. */
  readonly isNew: boolean;
  readonly #path: string;
  readonly #descriptor: number;
  /** Reliable because the descriptor is open: no other file has the same inode number meanwhile. */
  readonly #identity: FileIdentity;
  readonly #known = new FingerprintSet();
  /** The position up to which the file was read: always after a line feed. */
  #offset = 0;
  /** The tokens that share the next write. */
  #batch = new Map<string, Waiting>();

  /**
   * Opens the file, creates it if it is missing, and reads it.
   *
   * @throws if another user could change it, or if it can't be read
   */
  constructor(path: string) {
    this.#path = path;
    this.isNew = !exists(path);
    if (!this.isNew) assertOwn(path, 'a file');
    this.#descriptor = openSync(path, FLAGS, 0o600);
    try {
      this.#identity = identityOf(this.#descriptor);
      this.#read();
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  /**
   * Appends a record for a token, unless it has one. Tokens that arrive together share a write.
   *
   * @param id the bytes of the signature as a string
   * @throws if it is unknown whether the record was written
   */
  append(id: string): Promise<AppendResult> {
    // A truncated HMAC reveals no more than a hash of it.
    const key = Buffer.from(id, 'latin1').toString('base64url', 0, KEY_BYTES);
    if (this.#batch.has(key)) return Promise.resolve('replayed');
    // Otherwise a process that gets only known tokens never detects that the file was removed.
    if (this.#known.has(key)) return Promise.resolve(isAt(this.#path, this.#identity) ? 'replayed' : 'lost');
    if (this.#batch.size === 0) {
      queueMicrotask(() => {
        this.#flush();
      });
    }
    return new Promise((resolve, reject) => this.#batch.set(key, { resolve, reject }));
  }

  close(): void {
    this.#flush();
    closeSync(this.#descriptor);
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch.size === 0) return;
    this.#batch = new Map();
    try {
      const attempt = randomUUID();
      const records = [...batch.keys()].map((key) => `\n${key}${attempt}\n`);
      const written = this.#write(records.join(''), records.length * RECORD_BYTES);
      // After the write: if the file was moved away before, no other process reads the record.
      const size = sizeAt(this.#path, this.#identity);
      const won = size === this.#offset + written ? this.#skip(batch.keys(), written) : this.#read(attempt);
      for (const [key, { resolve }] of batch) {
        if (won.has(key)) resolve(size === undefined ? 'lost' : 'consumed');
        else resolve(this.#known.has(key) ? 'replayed' : 'lost');
      }
    } catch (error) {
      for (const { reject } of batch.values()) reject(error);
    }
  }

  /** Returns the number of bytes. */
  #write(records: string, bytes: number): number {
    const written = writeSync(this.#descriptor, records, null, 'latin1');
    // The rest can't follow: another process may have appended meanwhile.
    if (written !== bytes) {
      throw new ReplayCacheError(
        `${dirname(this.#path)}: a record was written only in part: free space, or raise the disk quota or the limit of file sizes ` +
          '(LimitFSIZE= in systemd, ulimit -f)',
      );
    }
    return written;
  }

  /** Adds the keys of records that follow what was read: no other process has written meanwhile. Returns the keys. */
  #skip(keys: Iterable<string>, written: number): Set<string> {
    const won = new Set(keys);
    for (const key of won) this.#known.add(key);
    this.#offset += written;
    return won;
  }

  /** Reads the lines that were added. Returns the keys whose first record is of this attempt. */
  #read(attempt?: string): Set<string> {
    const won = new Set<string>();
    let length: number;
    do {
      length = readSync(this.#descriptor, buffer, 0, buffer.length, this.#offset);
      const lines = buffer.toString('latin1', 0, length).split('\n');
      // A line without its end is read again when there is more.
      const rest = lines.pop() ?? '';
      if (rest.length === buffer.length) throw new ReplayCacheError(`${this.#path}: ${NOT_A_JOURNAL}`);
      for (const line of lines) {
        const key = line.slice(0, KEY_CHARACTERS);
        const isFirst = line.length === LINE_CHARACTERS && this.#known.add(key);
        if (isFirst && line.slice(KEY_CHARACTERS) === attempt) won.add(key);
      }
      this.#offset += length - rest.length;
    } while (length === buffer.length);
    return won;
  }
}
