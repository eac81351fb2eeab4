import { randomBytes, timingSafeEqual } from 'node:crypto';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { messageOf } from '../../errors.js';
import { PasswordBackendError } from '../backend.js';
import type { AppPasswordEntry } from './entries.js';
import { DEFAULT_PARAMETERS, formatHash, type ScryptParameters } from './phc.js';
import { withinLimit, type Derive } from './scrypt.js';

/** The length of the salts of new hashes, in bytes. */
export const SALT_BYTES = 16;
/** How many users are added before other requests are answered: about 3 ms. */
const BATCH_USERS = 500;
const NO_HASH = Buffer.alloc(32);
const TOO_MANY =
  'too many logins at once, or this machine is too slow: the check of an app password took longer than passwords.timeout. ' +
  'Raise the timeout, use a faster machine, or let clients use FAST';

/** The computations that every check does with some parameters. */
interface Work {
  readonly parameters: ScryptParameters;
  /** The largest number of salts that a user has with these parameters. */
  readonly salts: number;
}

/**
 * The app passwords, by user. Every check does the same work, also for an unknown user: the time that it takes tells neither whether a
 * user exists nor how many passwords the user has.
 */
export class PasswordTable {
  readonly #users = new Map<string, AppPasswordEntry[]>();
  readonly #work = new Map<string, Work>();
  readonly #derive: Derive;
  #comparisons = 1;

  private constructor(derive: Derive) {
    this.#derive = derive;
  }

  /** Creates the table of some app passwords. Lets other requests be answered meanwhile. */
  static async create(entries: readonly AppPasswordEntry[], derive: Derive): Promise<PasswordTable> {
    const table = new PasswordTable(derive);
    for (const entry of entries) {
      const own = table.#users.get(entry.jid);
      if (own === undefined) table.#users.set(entry.jid, [entry]);
      else own.push(entry);
    }
    let count = 0;
    for (const own of table.#users.values()) {
      table.#addWork(own);
      count += 1;
      if (count % BATCH_USERS === 0) await nextIteration();
    }
    if (table.#work.size === 0) table.#work.set('', { parameters: DEFAULT_PARAMETERS, salts: 1 });
    return table;
  }

  #addWork(own: readonly AppPasswordEntry[]): void {
    this.#comparisons = Math.max(this.#comparisons, own.length);
    for (const [key, { parameters, salts }] of saltsOf(own)) {
      this.#work.set(key, { parameters, salts: Math.max(salts.size, this.#work.get(key)?.salts ?? 0) });
    }
  }

  /** Returns whether a user has an app password. */
  has(jid: string): boolean {
    return this.#users.has(jid);
  }

  /**
   * Returns the app password of a user that is equal to a password, or `undefined`.
   *
   * @throws {@link PasswordBackendError} as soon as `signal` is aborted
   */
  async find(jid: string, password: string, signal: AbortSignal): Promise<AppPasswordEntry | undefined> {
    const own = this.#users.get(jid) ?? [];
    const derived = await beforeAbort(signal, this.#deriveAll(own, password, signal));
    let found: AppPasswordEntry | undefined;
    for (let index = 0; index < this.#comparisons; index += 1) {
      const entry = own[index];
      const expected = entry?.hash.hash ?? NO_HASH;
      const actual = (entry && derived.get(saltKeyOf(entry))) ?? NO_HASH;
      const isEqual = timingSafeEqual(actual.subarray(0, expected.length), expected);
      if (isEqual && entry !== undefined) found = entry;
    }
    return found;
  }

  /** Derives the keys of all salts of a user, and of random ones up to the work of every check. */
  async #deriveAll(
    own: readonly AppPasswordEntry[],
    password: string,
    signal: AbortSignal,
  ): Promise<Map<string, Buffer>> {
    const derived = new Map<string, Buffer>();
    const users = saltsOf(own);
    const computations = [...this.#work].flatMap(([key, { parameters, salts: count }]) => {
      const salts = [...(users.get(key)?.salts ?? [])];
      while (salts.length < count) salts.push(['', randomBytes(SALT_BYTES)]);
      return salts.map(([saltKey, salt]) =>
        withinLimit(() => this.#derive(password, salt, parameters), signal).then((bytes) =>
          derived.set(saltKey, bytes),
        ),
      );
    });
    await Promise.all(computations);
    return derived;
  }
}

interface Salts {
  readonly parameters: ScryptParameters;
  /** By parameters and salt. */
  readonly salts: Map<string, Buffer>;
}

/** Returns the different salts of a user, by parameters. */
function saltsOf(entries: readonly AppPasswordEntry[]): Map<string, Salts> {
  const byParameters = new Map<string, Salts>();
  for (const entry of entries) {
    const { parameters, salt } = entry.hash;
    const saltKey = saltKeyOf(entry);
    const key = saltKey.slice(0, saltKey.lastIndexOf('$'));
    const known = byParameters.get(key) ?? { parameters, salts: new Map<string, Buffer>() };
    known.salts.set(saltKey, salt);
    byParameters.set(key, known);
  }
  return byParameters;
}

/** Returns the hash in PHC format without its last part. */
function saltKeyOf({ hash }: AppPasswordEntry): string {
  const text = formatHash(hash);
  return text.slice(0, text.lastIndexOf('$'));
}

/** Returns the result of some work, unless `signal` is aborted before. */
async function beforeAbort<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let refuse = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    refuse = () => {
      reject(new PasswordBackendError(TOO_MANY));
    };
    if (signal.aborted) refuse();
    else signal.addEventListener('abort', refuse, { once: true });
  });
  try {
    return await Promise.race([aborted, work]);
  } catch (error) {
    if (error instanceof PasswordBackendError) throw error;
    throw new PasswordBackendError(`scrypt failed: ${messageOf(error)}`, { cause: error });
  } finally {
    signal.removeEventListener('abort', refuse);
  }
}
