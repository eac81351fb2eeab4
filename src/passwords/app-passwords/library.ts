import { normalizeJid } from '../../credential/jid/jid.js';
import { assertString } from '../../errors.js';
import { addAppPassword, readAppPasswords, removeAppPasswords } from './manage.js';

/** An app password, without the password itself, of which the file only has a hash. */
export interface AppPassword {
  /** The bare JID of the user, in normalized form. */
  readonly jid: string;
  /** The name that distinguishes it from others of the user, such as `phone`. */
  readonly label: string;
  readonly created: Date;
}

/** An app password that was just created. */
export interface CreatedAppPassword extends AppPassword {
  /** Show it to the user once: nobody can read it from the file. */
  readonly password: string;
}

/** The options of {@link createAppPassword}. */
export interface CreateAppPasswordOptions {
  /** The path of the file in `[passwords] store`, without `file:`. */
  readonly file: string;
  /** The user's bare JID, such as `alice@example.com`, in any spelling. */
  readonly jid: string;
  /** 1 to 64 printable characters, unique for the user, such as `phone`. */
  readonly label: string;
  /** 12 to 128 printable ASCII characters; a random password by default, such as `k7mq-2xpa-9bnt-cz4w-h3ue`. */
  readonly password?: string;
}

/**
 * Creates an app password, with which a user can log in until it is removed. xtokend accepts it at once.
 *
 * Any number of processes can change the file at the same time. The directory must be writable. If the file is missing, a new one
 * is created that only this process's user can read, so first create an empty one that xtokend's user can read as well. Its owner, group and
 * mode are kept.
 *
 * @throws {@link InvalidJidError} if no server would send the JID
 * @throws {@link XtokendError} with the `code` `invalid-app-password` if the label or the password can't be used, `duplicate-label` if the
 *   user has an app password with this label, or `app-passwords-unavailable` if the file can't be read or written
 * @throws {TypeError} if an option is not a string
 *
 * @example
 * ```ts
 * const file = '/var/lib/application/app-passwords';
 * const { password } = await createAppPassword({ file, jid: 'alice@example.com', label: 'phone' });
 * ```
 */
export async function createAppPassword(options: CreateAppPasswordOptions): Promise<CreatedAppPassword> {
  const { file, jid, label, password: chosen } = options;
  assertString('file', file);
  assertString('label', label);
  if (chosen !== undefined) assertString('password', chosen);
  const { entry, password } = await addAppPassword({ file, jid, label, password: chosen });
  return { password, jid: entry.jid, label, created: new Date(entry.created) };
}

/** The options of {@link listAppPasswords}. */
export interface ListAppPasswordsOptions {
  /** The path of the file in `[passwords] store`, without `file:`. */
  readonly file: string;
  /** Only those of this user: a bare JID in any spelling. */
  readonly jid?: string;
}

/**
 * Lists the app passwords in a file, or those of a user. A missing file has none.
 *
 * @returns in the order of the file, the oldest first
 * @throws {@link InvalidJidError} if no server would send the JID
 * @throws {@link XtokendError} with the `code` `app-passwords-unavailable` if the file can't be read, or is invalid
 * @throws {TypeError} if an option is not a string
 *
 * @example
 * ```ts
 * for (const { label, created } of await listAppPasswords({ file, jid: 'alice@example.com' })) {
 *   console.log(label, created.toISOString());
 * }
 * ```
 */
export async function listAppPasswords({ file, jid }: ListAppPasswordsOptions): Promise<AppPassword[]> {
  assertString('file', file);
  const wanted = jid === undefined ? undefined : normalizeJid(jid);
  return (await readAppPasswords(file))
    .filter((entry) => wanted === undefined || entry.jid === wanted)
    .map((entry) => ({ jid: entry.jid, label: entry.label, created: new Date(entry.created) }));
}

/** The options of {@link removeAppPassword}. */
export interface RemoveAppPasswordOptions {
  /** The path of the file in `[passwords] store`, without `file:`. */
  readonly file: string;
  /** The user's bare JID, in any spelling. */
  readonly jid: string;
  readonly label: string;
}

/**
 * Removes an app password. xtokend refuses it from then on; open sessions stay open.
 *
 * @returns `false` if the user has none with this label
 * @throws {@link InvalidJidError} if no server would send the JID
 * @throws {@link XtokendError} with the `code` `app-passwords-unavailable` if the file can't be read or written
 * @throws {TypeError} if an option is not a string
 *
 * @example
 * ```ts
 * await removeAppPassword({ file, jid: 'alice@example.com', label: 'phone' });
 * ```
 */
export async function removeAppPassword({ file, jid, label }: RemoveAppPasswordOptions): Promise<boolean> {
  assertString('file', file);
  // Without a label, all app passwords of the user would be removed.
  assertString('label', label);
  return (await removeAppPasswords(file, jid, label)).length > 0;
}
