import { messageOf } from '../errors.js';
import { rememberSecret } from '../system/known-secrets.js';
import { isMissing } from '../system/read-file.js';
import { Problems } from './errors.js';
import { readSecretFile, type SecretFilePlaces } from './keys/secret-file.js';

/** Reads the files that settings other than keys name, and collects the problems of these settings. */
export class SettingsFiles {
  readonly problems: Problems = new Problems();
  readonly secretFiles: string[] = [];
  readonly certificateFiles: string[] = [];
  readonly #places: SecretFilePlaces;

  constructor(places: SecretFilePlaces) {
    this.#places = places;
  }

  /**
   * Reads the file that a setting names.
   *
   * @param path the path of the setting
   * @param value what it is set to
   * @param ifMissing what to add to the problem if there is no such file
   * @returns `undefined` if the setting is missing, or if the file can't be read or is empty, which is a problem
   */
  read(
    path: readonly string[],
    value: string | undefined,
    content: 'secret' | 'certificate',
    ifMissing = '',
  ): string | undefined {
    if (value === undefined) return undefined;
    try {
      const file = readSecretFile(value, this.#places);
      (content === 'secret' ? this.secretFiles : this.certificateFiles).push(file.path);
      if (content === 'secret') rememberSecret(file.text);
      if (file.text !== '') return file.text;
      this.problems.add(path, 'the file that it names is empty');
    } catch (error) {
      const isAbsent = error instanceof Error && isMissing(error.cause);
      this.problems.add(path, `${messageOf(error)}${isAbsent ? ifMissing : ''}`);
    }
    return undefined;
  }
}
