import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { normalizeJid } from '../../credential/jid/jid.js';
import { editFile, readLines } from './edit-file.js';
import { lineOf, type AppPasswordEntry, type Line } from './entries.js';
import { DuplicateLabelError } from './errors.js';
import { SALT_BYTES } from './password-table.js';
import { DEFAULT_PARAMETERS, type ScryptHash } from './phc.js';
import { assertLabel, assertPassword, generatePassword } from './rules.js';
import { derive, withinLimit } from './scrypt.js';

const HASH_BYTES = 32;

/** What to add. */
export interface NewAppPassword {
  readonly file: string;
  readonly jid: string;
  readonly label: string;
  /** `undefined` for a random one. */
  readonly password: string | undefined;
  /** The number of a group that may read the file if it is new. */
  readonly group?: number | undefined;
}

/** What was added. */
export interface AddedAppPassword {
  readonly entry: AppPasswordEntry;
  readonly password: string;
}

/**
 * Adds an app password to a file.
 *
 * @throws {@link InvalidJidError}, {@link InvalidAppPasswordError}, {@link DuplicateLabelError}, {@link AppPasswordFileError}
 */
export async function addAppPassword(options: NewAppPassword): Promise<AddedAppPassword> {
  const { file, label, password: chosen, group } = options;
  const jid = normalizeJid(options.jid);
  assertLabel(label);
  if (chosen !== undefined) assertPassword(chosen);
  const password = chosen ?? generatePassword();
  return editFile(
    file,
    async (lines) => {
      const own = entriesOf(lines).filter((entry) => entry.jid === jid);
      if (own.some((entry) => entry.label === label)) throw new DuplicateLabelError(jid, label);
      // Whole seconds, as the file has them.
      const created = Math.floor(Date.now() / 1000) * 1000;
      const entry = { jid, label, created, hash: await hashLike(own[0]?.hash, password) };
      return { lines: [...lines, lineOf(entry)], result: { entry, password } };
    },
    group,
  );
}

/**
 * Removes app passwords of a user from a file.
 *
 * @param label `undefined` for all of the user
 * @returns those that were removed
 * @throws {@link InvalidJidError}, {@link AppPasswordFileError}
 */
export async function removeAppPasswords(
  file: string,
  jidText: string,
  label: string | undefined,
): Promise<AppPasswordEntry[]> {
  const jid = normalizeJid(jidText);
  const isRemoved = ({ entry }: Line): boolean =>
    entry?.jid === jid && (label === undefined || entry.label === label);
  // Without a lock, which needs the right to write.
  const isThere = (await readAppPasswords(file)).some((entry) => isRemoved({ text: '', entry }));
  if (!isThere) return [];
  return editFile(file, (lines) => {
    const removed = entriesOf(lines.filter(isRemoved));
    const kept = removed.length > 0 ? lines.filter((line) => !isRemoved(line)) : undefined;
    return Promise.resolve({ lines: kept, result: removed });
  });
}

/**
 * Reads the app passwords in a file. A missing one has none.
 *
 * @throws {@link AppPasswordFileError}
 */
export async function readAppPasswords(file: string): Promise<AppPasswordEntry[]> {
  return entriesOf(await readLines(resolve(file)));
}

function entriesOf(lines: readonly Line[]): AppPasswordEntry[] {
  return lines.flatMap(({ entry }) => entry ?? []);
}

/** Hashes a password with the salt of another one of the same user: one computation then checks both. */
async function hashLike(other: ScryptHash | undefined, password: string): Promise<ScryptHash> {
  const parameters = other?.parameters ?? DEFAULT_PARAMETERS;
  const salt = other?.salt ?? randomBytes(SALT_BYTES);
  const derived = await withinLimit(() => derive(password, salt, parameters));
  return { parameters, salt, hash: derived.subarray(0, HASH_BYTES) };
}
