import type { NamedKey } from '../../credential/key.js';
import { OtpSeed } from '../../credential/otp.js';
import { TokenSecret } from '../../credential/key.js';
import { InvalidSecretError, messageOf } from '../../errors.js';
import { rememberSecret } from '../../log/known-secrets.js';
import { adviseOnSecret, adviseOnSeed, equalSecrets, type Advice } from './advice.js';
import type { Problem } from '../errors.js';
import { readInstant } from './instant.js';
import type { KeySettings, KeyTable } from '../schema.js';
import { explainSeed } from './seed-hint.js';
import { readSecretFile, type SecretFilePlaces } from './secret-file.js';
import { settingName } from '../setting-name.js';

/** A table of the file that may hold key settings. */
export interface SecretTable {
  readonly path: readonly string[];
  readonly settings: KeySettings;
}

/** Makes keys from settings, and gathers what is wrong with them and what is worth knowing. */
export class KeyReader {
  readonly problems: Problem[] = [];
  readonly secretFiles: Set<string> = new Set();
  readonly advice: Advice[] = [];
  readonly #places: SecretFilePlaces;
  /** One object for each secret, so that two keys with the same one can be told. */
  readonly #seeds = new Map<string, OtpSeed>();
  readonly #secrets = new Map<string, TokenSecret>();

  constructor(places: SecretFilePlaces) {
    this.#places = places;
  }

  /**
   * @param id what the key is to be called
   * @param tables where to look for each of the two secrets, the first that has it wins
   * @returns the key, or `undefined` where `problems` says what is wrong
   */
  read(id: string, tables: readonly SecretTable[]): NamedKey | undefined {
    const otpSeed = this.#readSecret(tables, 'otp_seed', (text, where) => this.#createSeed(text, where));
    const tokenSecret = this.#readSecret(tables, 'token_secret', (text, where) =>
      this.#createSecret(text, where),
    );
    const always = { notBefore: Number.NEGATIVE_INFINITY, notAfter: Number.POSITIVE_INFINITY };
    return otpSeed && tokenSecret && { id, otpSeed, tokenSecret, ...always };
  }

  /** Reads a table of `[[keys]]`. */
  async readDated(path: readonly string[], table: KeyTable): Promise<NamedKey | undefined> {
    const key = this.read(table.id, [{ path, settings: table }]);
    const notBefore = await this.#readInstant(path, 'not_before', table.not_before);
    const notAfter = await this.#readInstant(path, 'not_after', table.not_after);
    if (notBefore !== undefined && notAfter !== undefined && notAfter <= notBefore) {
      this.add([...path, 'not_after'], 'expected a later instant than not_before');
    }
    // 1970 is 0, and an end like any other.
    return key && { ...key, notBefore: notBefore ?? key.notBefore, notAfter: notAfter ?? key.notAfter };
  }

  /** Several hosts can share one bad setting; it is said once. */
  add(path: readonly string[], message: string): void {
    const where = settingName(path);
    if (!this.problems.some((problem) => problem.where === where)) this.problems.push({ where, message });
  }

  #createSeed(text: string, where: string): OtpSeed {
    const characters = text.replace(/=+$/, '');
    const seed = this.#seeds.get(characters) ?? createSeed(text);
    this.#seeds.set(characters, seed);
    this.#advise(where, adviseOnSeed(text));
    return seed;
  }

  #createSecret(text: string, where: string): TokenSecret {
    const secret = this.#secrets.get(text) ?? new TokenSecret(text);
    this.#secrets.set(text, secret);
    this.#advise(where, adviseOnSecret(text));
    if (this.#seeds.has(text)) this.#advise(where, equalSecrets);
    return secret;
  }

  /** Several hosts can share one setting; it is said once. */
  #advise(where: string, advice: Omit<Advice, 'where'> | undefined): void {
    if (advice === undefined) return;
    const isKnown = this.advice.some((known) => known.where === where && known.code === advice.code);
    if (!isKnown) this.advice.push({ where, ...advice });
  }

  #readSecret<T>(
    tables: readonly SecretTable[],
    name: 'otp_seed' | 'token_secret',
    create: (text: string, where: string) => T,
  ): T | undefined {
    const table = tables.find(({ settings }) => (settings[name] ?? settings[`${name}_file`]) !== undefined);
    if (table === undefined) {
      const path = [...(tables[0]?.path ?? []), name];
      this.add(path, `is missing, and so is ${name}_file; paste what \`xtokend keygen\` prints`);
      return undefined;
    }
    const inline = table.settings[name];
    const file = table.settings[`${name}_file`];
    const path = [...table.path, inline === undefined ? `${name}_file` : name];
    try {
      if (inline !== undefined && file !== undefined) {
        throw new Error(`expected either ${name} or ${name}_file, found both`);
      }
      const text = inline ?? this.#readFile(file ?? '');
      rememberSecret(text);
      return create(text, settingName(path));
    } catch (error) {
      this.add(path, explain(error));
      return undefined;
    }
  }

  #readFile(value: string): string {
    const { path, text } = readSecretFile(value, this.#places);
    this.secretFiles.add(path);
    return text;
  }

  async #readInstant(
    path: readonly string[],
    name: string,
    value: string | Date | undefined,
  ): Promise<number | undefined> {
    try {
      return value === undefined ? undefined : await readInstant(value);
    } catch (error) {
      this.add([...path, name], messageOf(error));
      return undefined;
    }
  }
}

function createSeed(text: string): OtpSeed {
  try {
    return new OtpSeed(text);
  } catch (error) {
    throw error instanceof InvalidSecretError ? new Error(explainSeed(text, error.message)) : error;
  }
}

function explain(error: unknown): string {
  if (error instanceof InvalidSecretError) return `${error.message}; \`xtokend keygen\` makes a good one`;
  return messageOf(error);
}
