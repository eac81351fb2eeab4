import { TokenSecret, type NamedKey } from '../../credential/key.js';
import { OtpSeed } from '../../credential/otp.js';
import { InvalidSecretError, messageOf } from '../../errors.js';
import { rememberSecret } from '../../system/known-secrets.js';
import { Problems, settingName } from '../errors.js';
import type { KeySettings, KeyTable } from '../schema.js';
import { adviseOnSecret, adviseOnSeed, equalSecrets, explainSeed, FRESH, type Advice } from './advice.js';
import { readInstant } from './instant.js';
import { readSecretFile, type SecretFilePlaces } from './secret-file.js';

/** A table of the file that may hold key settings. */
export interface SecretTable {
  readonly path: readonly string[];
  readonly settings: KeySettings;
}

const ALWAYS = { notBefore: Number.NEGATIVE_INFINITY, notAfter: Number.POSITIVE_INFINITY };

/** Creates keys from settings, and collects their problems and advice on them. */
export class KeyReader {
  readonly problems: Problems = new Problems();
  readonly secretFiles: Set<string> = new Set();
  readonly advice: Advice[] = [];
  readonly #places: SecretFilePlaces;
  /** One object for each secret, so that keys which share one can be found. */
  readonly #seeds = new Map<string, OtpSeed>();
  readonly #secrets = new Map<string, TokenSecret>();

  constructor(places: SecretFilePlaces) {
    this.#places = places;
  }

  /**
   * Reads a key that is always active.
   *
   * @param id the id of the key
   * @param tables the tables that may have its secrets; the first one that has a secret is used
   * @returns `undefined` if the key is invalid
   */
  read(id: string, tables: readonly SecretTable[]): NamedKey | undefined {
    const otpSeed = this.#readSecret(tables, 'otp_seed', (text, where) => this.#createSeed(text, where));
    const tokenSecret = this.#readSecret(tables, 'token_secret', (text, where) =>
      this.#createSecret(text, where),
    );
    return otpSeed && tokenSecret && { id, otpSeed, tokenSecret, ...ALWAYS };
  }

  /** Reads a table of `[[keys]]`. */
  async readDated(path: readonly string[], table: KeyTable): Promise<NamedKey | undefined> {
    const key = this.read(table.id, [{ path, settings: table }]);
    const notBefore = await this.#readInstant([...path, 'not_before'], table.not_before);
    const notAfter = await this.#readInstant([...path, 'not_after'], table.not_after);
    if (notBefore !== undefined && notAfter !== undefined && notAfter <= notBefore) {
      this.problems.add([...path, 'not_after'], 'expected a later time than not_before');
    }
    // Not "||": 0 is the beginning of 1970.
    return key && { ...key, notBefore: notBefore ?? key.notBefore, notAfter: notAfter ?? key.notAfter };
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

  /** Adds advice once, because several hosts can share a setting. */
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
      const message = `is missing, and so is ${name}_file. Paste the output of "xtokend keygen"`;
      this.problems.add([...(tables[0]?.path ?? []), name], message);
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
      const fix = error instanceof InvalidSecretError ? `. ${FRESH}` : '';
      this.problems.add(path, messageOf(error) + fix);
      return undefined;
    }
  }

  #readFile(value: string): string {
    const { path, text } = readSecretFile(value, this.#places);
    this.secretFiles.add(path);
    return text;
  }

  async #readInstant(path: readonly string[], value: string | Date | undefined): Promise<number | undefined> {
    try {
      return value === undefined ? undefined : await readInstant(value);
    } catch (error) {
      this.problems.add(path, messageOf(error));
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
