import type { CredentialKey } from '../credential/key.js';
import { OtpSeed } from '../credential/otp.js';
import { TokenSecret } from '../credential/token-secret.js';
import { InvalidSecretError, messageOf } from '../errors.js';
import type { Problem } from './errors.js';
import type { KeySettings } from './schema.js';
import { readSecretFile, type SecretFilePlaces } from './secret-file.js';
import { settingName } from './setting-name.js';

const RECOMMENDED_SEED_CHARACTERS = 32;

/** A table of the file that may hold key settings. */
export interface KeyTable {
  readonly path: readonly string[];
  readonly settings: KeySettings;
}

/** Makes keys from settings, and gathers what is wrong with them and what is worth knowing. */
export class KeyReader {
  readonly problems: Problem[] = [];
  readonly secretFiles: Set<string> = new Set();
  readonly shortSeeds: Set<string> = new Set();
  readonly #places: SecretFilePlaces;

  constructor(places: SecretFilePlaces) {
    this.#places = places;
  }

  /**
   * @param tables where to look for each of the two secrets, the first that has it wins
   * @returns the key, or `undefined` where `problems` says what is wrong
   */
  read(tables: readonly KeyTable[]): CredentialKey | undefined {
    const otpSeed = this.#readSecret(tables, 'otp_seed', (text, where) => this.#createSeed(text, where));
    const tokenSecret = this.#readSecret(tables, 'token_secret', (text) => new TokenSecret(text));
    return otpSeed && tokenSecret && { otpSeed, tokenSecret };
  }

  #createSeed(text: string, where: string): OtpSeed {
    const seed = new OtpSeed(text);
    if (text.length < RECOMMENDED_SEED_CHARACTERS) this.shortSeeds.add(where);
    return seed;
  }

  #readSecret<T>(
    tables: readonly KeyTable[],
    name: 'otp_seed' | 'token_secret',
    create: (text: string, where: string) => T,
  ): T | undefined {
    const table = tables.find(({ settings }) => (settings[name] ?? settings[`${name}_file`]) !== undefined);
    if (table === undefined) {
      const where = settingName([...(tables[0]?.path ?? []), name]);
      this.#add(where, `is missing, and so is ${name}_file; paste what \`xtokend keygen\` prints`);
      return undefined;
    }
    const inline = table.settings[name];
    const file = table.settings[`${name}_file`];
    const where = settingName([...table.path, inline === undefined ? `${name}_file` : name]);
    try {
      if (inline !== undefined && file !== undefined) {
        throw new Error(`expected either ${name} or ${name}_file, found both`);
      }
      return create(inline ?? this.#readFile(file ?? ''), where);
    } catch (error) {
      this.#add(where, explain(error));
      return undefined;
    }
  }

  #readFile(value: string): string {
    const { path, text } = readSecretFile(value, this.#places);
    this.secretFiles.add(path);
    return text;
  }

  /** Several hosts can share one bad setting; it is said once. */
  #add(where: string, message: string): void {
    if (!this.problems.some((problem) => problem.where === where)) this.problems.push({ where, message });
  }
}

function explain(error: unknown): string {
  if (error instanceof InvalidSecretError) return `${error.message}; \`xtokend keygen\` makes a good one`;
  return messageOf(error);
}
