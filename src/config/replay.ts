import { messageOf } from '../errors.js';
import { rememberSecret } from '../system/known-secrets.js';
import type { SettingsReader } from '../replay/store.js';
import type { Problem } from './errors.js';
import { readSecretFile, type SecretFilePlaces } from './keys/secret-file.js';

/** Reads the files that the table `[replay]` names, and collects the problems in it. */
export class ReplayReader implements SettingsReader {
  readonly env: NodeJS.ProcessEnv;
  readonly problems: Problem[] = [];
  readonly secretFiles: string[] = [];
  readonly certificateFiles: string[] = [];
  readonly #places: SecretFilePlaces;

  /** @param env the environment: `STATE_DIRECTORY` (systemd.exec(5)) */
  constructor(places: SecretFilePlaces, env: NodeJS.ProcessEnv) {
    this.#places = places;
    this.env = env;
  }

  addProblem(setting: string, message: string): void {
    this.problems.push({ where: `replay.${setting}`, message });
  }

  readFile(
    setting: string,
    value: string | undefined,
    content: 'secret' | 'certificate',
  ): string | undefined {
    if (value === undefined) return undefined;
    try {
      const { path, text } = readSecretFile(value, this.#places);
      (content === 'secret' ? this.secretFiles : this.certificateFiles).push(path);
      if (content === 'secret') rememberSecret(text);
      if (text !== '') return text;
      this.addProblem(setting, 'the file that it names is empty');
    } catch (error) {
      this.addProblem(setting, messageOf(error));
    }
    return undefined;
  }
}
