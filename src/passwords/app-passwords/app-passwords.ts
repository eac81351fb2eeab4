import { messageOf } from '../../errors.js';
import { fileVersion } from '../../system/file-identity.js';
import { explainReadError, isMissing, readTextFile } from '../../system/read-file.js';
import {
  PasswordBackendError,
  type PasswordBackend,
  type PasswordLogin,
  type PasswordResult,
  type PasswordUser,
} from '../backend.js';
import type { AppPasswordSettings } from '../settings.js';
import { idOf, MAX_FILE_BYTES, parseLines } from './entries.js';
import { AppPasswordFileError } from './errors.js';
import { PasswordTable } from './password-table.js';
import { derive, type Derive } from './scrypt.js';

const SETTLED_MILLISECONDS = 100;

/** Options of {@link openAppPasswords}. */
export interface AppPasswordOptions {
  /** Called once for each reason why the file can't be used. */
  readonly onWarning?: (message: string) => void;
  /** Called with the identifier of each app password that is accepted. */
  readonly onUsed?: (id: string) => void;
  /** Replaces scrypt in tests. */
  readonly derive?: Derive;
}

/**
 * Opens the back end of the app passwords in a file. Reads the file again after each change.
 *
 * Never throws. If the file is missing or invalid, every check fails as unavailable until that is fixed: the previous content could
 * have a password that was removed. Only a file that has not existed since the start counts as empty.
 */
export async function openAppPasswords(
  { path }: AppPasswordSettings,
  options: AppPasswordOptions,
): Promise<PasswordBackend> {
  const backend = new AppPasswords(path, options);
  await backend.refresh();
  return backend;
}

class AppPasswords implements PasswordBackend {
  readonly name = 'app-passwords';
  readonly #path: string;
  readonly #options: AppPasswordOptions;
  #table: PasswordTable | PasswordBackendError = new PasswordBackendError('the file was not read yet');
  #version: string | undefined;
  #reading: Promise<void> | undefined;
  /** Whether there has been a file, readable or not. */
  #existed = false;
  #fault: string | undefined;

  constructor(path: string, options: AppPasswordOptions) {
    this.#path = path;
    this.#options = options;
  }

  async verify(login: PasswordLogin, signal: AbortSignal): Promise<PasswordResult> {
    const table = await this.#current();
    const found = await table.find(`${login.user}@${login.host}`, login.password, signal);
    if (found === undefined) return 'wrong';
    this.#options.onUsed?.(idOf(found));
    return 'accepted';
  }

  async isUser({ user, host }: PasswordUser): Promise<boolean> {
    return (await this.#current()).has(`${user}@${host}`);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Reads the file if it has changed. */
  async refresh(): Promise<void> {
    // The current reading may have begun before the last change.
    await this.#reading;
    const version = fileVersion(this.#path, SETTLED_MILLISECONDS);
    if (version !== undefined && version === this.#version) return;
    // Concurrent requests wait for the same reading.
    this.#reading ??= this.#readAgain().finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  async #current(): Promise<PasswordTable> {
    await this.refresh();
    if (this.#table instanceof PasswordTable) return this.#table;
    throw this.#table;
  }

  async #readAgain(): Promise<void> {
    try {
      this.#table = await this.#read();
      if (this.#existed) this.#fault = undefined;
    } catch (error) {
      this.#table = new PasswordBackendError(messageOf(error), { cause: error });
      this.#warn(messageOf(error));
    }
  }

  async #read(): Promise<PasswordTable> {
    const version = fileVersion(this.#path, SETTLED_MILLISECONDS);
    // If it can't be read, the next check tries again.
    this.#version = undefined;
    const text = this.#readText();
    if (text !== undefined) this.#version = version;
    const lines = await parseLines(this.#path, text ?? '');
    const entries = lines.flatMap(({ entry }) => entry ?? []);
    return PasswordTable.create(entries, this.#options.derive ?? derive);
  }

  /** Returns `undefined` if there has never been a file. */
  #readText(): string | undefined {
    try {
      const text = readTextFile(this.#path, MAX_FILE_BYTES);
      this.#existed = true;
      return text;
    } catch (error) {
      if (!isMissing(error)) {
        this.#existed = true;
        throw new AppPasswordFileError(this.#path, explainReadError(error), { cause: error });
      }
      if (this.#existed) throw new AppPasswordFileError(this.#path, REMOVED, { cause: error });
    }
    this.#warn(new AppPasswordFileError(this.#path, NONE_YET).message);
    return undefined;
  }

  #warn(message: string): void {
    if (message !== this.#fault) this.#options.onWarning?.(message);
    this.#fault = message;
  }
}

const NONE_YET = 'there is no such file yet. To create it: xtokend passwd JID --label LABEL';
const REMOVED =
  'it is missing, so all app passwords are unavailable. Put it back. If nobody has app passwords any more, create an empty file';
