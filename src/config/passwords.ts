import { X509Certificate } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { messageOf } from '../errors.js';
import { isBearerToken, parseBackendUrl } from '../passwords/http/url.js';
import type {
  BackendSettings,
  CommandSettings,
  HttpSettings,
  PasswordSettings,
  ThrottleSettings,
} from '../passwords/settings.js';
import type { PasswordsTable } from './schema.js';
import type { SettingsFiles } from './settings-files.js';

const DEFAULT_ORDER = ['store', 'command', 'url'] as const;
const DEFAULT_PROCESSES = 2;
const DEFAULT_TIMEOUT_MILLISECONDS = 3000;
/** The part of the reply deadline that passwords may use by default: 3 of 4 seconds. */
const TIMEOUT_SHARE = 0.75;

const CREATE_TOKEN = '. To create one: head -c 32 /dev/urandom | base64';
const EXPECTED_TOKEN =
  'expected the path of a file that contains a bearer token of at least 16 characters, so that nobody else can try passwords there';

/** Settings that have an effect only together with another one. */
const COMPANIONS = {
  protocol: 'command',
  processes: 'command',
  token_file: 'url',
  ca_file: 'url',
} as const satisfies Partial<Record<keyof PasswordsTable, keyof PasswordsTable>>;

/** A table `[passwords]` or `[hosts."example.com".passwords]`. */
interface Source {
  readonly path: readonly string[];
  readonly table: PasswordsTable;
  /** The path of the configuration: other paths are relative to its directory. */
  readonly file: string;
  readonly files: SettingsFiles;
  readonly refuse: (setting: string, message: string) => void;
}

/** Options of {@link PasswordsReader}. */
export interface PasswordsReaderOptions {
  /** The path of the configuration: other paths are relative to its directory. */
  readonly file: string;
  readonly files: SettingsFiles;
  /** The reply deadline of a request, in milliseconds. */
  readonly answerWithin: number;
}

/** Reads the tables of passwords. Hosts with the same table get the same object, so that they share its back ends. */
export class PasswordsReader {
  readonly #options: PasswordsReaderOptions;
  readonly #read = new Map<PasswordsTable, PasswordSettings | undefined>();

  constructor(options: PasswordsReaderOptions) {
    this.#options = options;
  }

  /**
   * Reads a table.
   *
   * @param path the path of the table in the configuration
   * @returns `undefined` if it configures no back end
   */
  read(path: readonly string[], table: PasswordsTable): PasswordSettings | undefined {
    if (!this.#read.has(table)) this.#read.set(table, this.#readTable(path, table));
    return this.#read.get(table);
  }

  #readTable(path: readonly string[], table: PasswordsTable): PasswordSettings | undefined {
    const { file, files, answerWithin } = this.#options;
    // A host turns passwords off by an empty table.
    if (path.length > 1 && Object.values(table).every((value) => value === undefined)) return undefined;
    const refuse = (setting: string, message: string): void => {
      files.problems.add([...path, ...setting.split('.')], message);
    };
    const source = { path, table, file, files, refuse };
    refuseUnused(source);
    const backends = readBackends(source);
    const timeout = readTimeout(source, answerWithin);
    return { backends, timeout, limits: limitsOf(table) };
  }
}

function limitsOf({ limits = {} }: PasswordsTable): ThrottleSettings {
  const { window = 600, user_from_address: userFromAddress = 10, address = 100, user = 50 } = limits;
  return { window: window * 1000, userFromAddress, address, user };
}

function refuseUnused({ table, refuse }: Source): void {
  for (const [setting, owner] of Object.entries(COMPANIONS)) {
    const isUnused = table[setting as keyof typeof COMPANIONS] !== undefined && table[owner] === undefined;
    if (isUnused) refuse(setting, `has no effect without ${owner}. Remove it, or set ${owner}`);
  }
}

function readBackends(source: Source): BackendSettings[] {
  const { table, refuse } = source;
  const configured = DEFAULT_ORDER.filter((setting) => table[setting] !== undefined);
  if (configured.length === 0) refuse('store', 'expected at least one of store, command and url');
  const { order = configured } = table;
  const isComplete =
    order.length === configured.length && configured.every((setting) => order.includes(setting));
  if (configured.length > 0 && !isComplete) {
    const expected = configured.map((setting) => `"${setting}"`).join(', ');
    refuse('order', `expected each back end of this table once, in any order: ${expected}`);
  }
  const readers = { store: readStore, command: readCommand, url: readHttp };
  return order
    .filter((setting) => configured.includes(setting))
    .map((setting) => readers[setting](source))
    .filter((backend) => backend !== undefined);
}

function readStore({ table, file, refuse }: Source): BackendSettings | undefined {
  const [, path] = /^file:(.+)$/.exec(table.store ?? '') ?? [];
  if (path !== undefined) return { kind: 'app-passwords', path: resolve(dirname(file), path) };
  refuse('store', 'expected "file:" and a path, such as "file:/etc/xtokend/app-passwords"');
  return undefined;
}

function readCommand({ table, refuse }: Source): CommandSettings | undefined {
  const { command: [program, ...args] = [], protocol = 'generic', processes = DEFAULT_PROCESSES } = table;
  if (program?.startsWith('/') === true) {
    return { kind: 'command', command: [program, ...args], protocol, processes };
  }
  refuse('command', 'expected the absolute path of a program, and its arguments: ["/usr/local/bin/check"]');
  return undefined;
}

function readHttp({ path, table, files, refuse }: Source): HttpSettings | undefined {
  const url = parseUrl(table.url ?? '', refuse);
  const token = files.read([...path, 'token_file'], table.token_file, 'secret', CREATE_TOKEN);
  if (table.token_file === undefined) {
    refuse('token_file', EXPECTED_TOKEN);
  } else if (token !== undefined && !isBearerToken(token)) {
    refuse('token_file', 'expected at least 16 visible ASCII characters in the file, on one line');
  }
  const ca = files.read([...path, 'ca_file'], table.ca_file, 'certificate');
  if (ca !== undefined && !isCertificate(ca)) {
    refuse('ca_file', 'expected certificates in PEM in the file: -----BEGIN CERTIFICATE-----');
  }
  return url === undefined || token === undefined ? undefined : { kind: 'http', url, token, ca };
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}

function parseUrl(text: string, refuse: Source['refuse']): string | undefined {
  try {
    return parseBackendUrl(text).href;
  } catch (error) {
    refuse('url', messageOf(error));
    return undefined;
  }
}

function readTimeout({ table, refuse }: Source, answerWithin: number): number {
  if (table.timeout === undefined)
    return Math.min(DEFAULT_TIMEOUT_MILLISECONDS, answerWithin * TIMEOUT_SHARE);
  const milliseconds = table.timeout * 1000;
  if (milliseconds >= answerWithin) {
    refuse(
      'timeout',
      `expected less than answer_within, which is ${answerWithin / 1000}. Lower it, or raise answer_within`,
    );
  }
  return milliseconds;
}
