import { createHash } from 'node:crypto';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { preparePlainDomain, preparePlainUser } from '../../credential/jid/prepare.js';
import { messageOf } from '../../errors.js';
import { AppPasswordFileError } from './errors.js';
import { formatHash, parseHash, type ScryptHash } from './phc.js';
import { isLabel } from './rules.js';

/*
 * The file of app passwords: a JSON object on each line, such as
 *
 *     {"jid":"alice@example.com","label":"phone","created":"2026-11-30T03:00:00Z","hash":"$scrypt$ln=14,r=8,p=1$SALT$HASH"}
 *
 * Empty lines, and lines that begin with "#", have no meaning. They stay in the file when it is rewritten.
 */

/** An app password in the file. */
export interface AppPasswordEntry {
  /** The bare JID, in normalized form. */
  readonly jid: string;
  /** Unique for the JID. */
  readonly label: string;
  /** When it was created, in milliseconds since the Unix epoch. */
  readonly created: number;
  readonly hash: ScryptHash;
}

/** A line of the file, and what it means. */
export interface Line {
  readonly text: string;
  /** `undefined` for an empty line or a comment. */
  readonly entry: AppPasswordEntry | undefined;
}

/** Enough for 80,000 app passwords. */
export const MAX_FILE_BYTES: number = 16 * 1024 * 1024;

/** How many lines are parsed before other requests are answered: about 3 ms. */
const BATCH_LINES = 500;
const NAMES: readonly string[] = ['created', 'hash', 'jid', 'label'];
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
const FIX = 'Correct or remove this line';

/**
 * Parses the content of the file.
 *
 * @param path for the messages
 * @throws {@link AppPasswordFileError} at the first invalid line. The message names the line, and repeats no hash
 */
export async function parseLines(path: string, content: string): Promise<Line[]> {
  const lines: Line[] = [];
  const seen = new Map<string, number>();
  for (const text of content.replace(/\n$/, '').split('\n')) {
    const number = lines.length + 1;
    try {
      const entry = await parseLine(text.trim());
      if (entry !== undefined) assertFirst(entry, number, seen);
      lines.push({ text, entry });
    } catch (error) {
      throw new AppPasswordFileError(path, `line ${number}: ${messageOf(error)}. ${FIX}`, { cause: error });
    }
    if (number % BATCH_LINES === 0) await nextIteration();
  }
  return content === '' ? [] : lines;
}

/** Formats lines: the inverse of {@link parseLines}. */
export function formatLines(lines: readonly Line[]): string {
  return lines.map(({ text }) => `${text}\n`).join('');
}

/** Returns the line of an entry. */
export function lineOf(entry: AppPasswordEntry): Line {
  const { jid, label, created, hash } = entry;
  const instant = new Date(created).toISOString().replace(/\.000Z$/, 'Z');
  return { text: JSON.stringify({ jid, label, created: instant, hash: formatHash(hash) }), entry };
}

/** Returns an identifier of an app password, from which nobody can derive its hash. */
export function idOf({ hash }: AppPasswordEntry): string {
  return createHash('sha256').update(formatHash(hash)).digest('hex').slice(0, 32);
}

async function parseLine(text: string): Promise<AppPasswordEntry | undefined> {
  if (text === '' || text.startsWith('#')) return undefined;
  const { jid, label, created, hash } = parseObject(text);
  if (!isLabel(label))
    throw new Error('label: expected 1 to 64 printable characters without spaces around them');
  return {
    jid: await within('jid', () => normalize(jid)),
    label,
    created: parseInstant(created),
    hash: await within('hash', () => parseHash(hash)),
  };
}

type Fields = Readonly<Record<'jid' | 'label' | 'created' | 'hash', string>>;

/** Without the message of JSON.parse(), which repeats a part of the line. */
function parseObject(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('expected a JSON object, such as {"jid":"alice@example.com","label":"phone",…}');
  }
  const isExact = Object.keys(value).sort().join() === NAMES.join();
  if (!isExact || !Object.values(value).every((field) => typeof field === 'string')) {
    throw new Error(
      'expected a JSON object with the texts "jid", "label", "created" and "hash", and no others',
    );
  }
  return value as Fields;
}

async function within<T>(field: string, parse: () => T | Promise<T>): Promise<T> {
  try {
    return await parse();
  } catch (error) {
    throw new Error(`${field}: ${messageOf(error)}`, { cause: error });
  }
}

function parseInstant(text: string): number {
  const instant = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(instant)) throw new Error('created: expected a time such as 2026-11-30T03:00:00Z');
  return instant;
}

/** Loads the tables of stringprep only if they are needed. */
async function normalize(jid: string): Promise<string> {
  const at = jid.indexOf('@');
  const user = at < 0 ? undefined : preparePlainUser(jid.slice(0, at));
  const domain = preparePlainDomain(jid.slice(at + 1));
  if (user !== undefined && domain !== undefined) return `${user}@${domain}`;
  const { normalizeJid } = await import('../../credential/jid/jid.js');
  return normalizeJid(jid);
}

function assertFirst({ jid, label }: AppPasswordEntry, number: number, seen: Map<string, number>): void {
  // A JID has no spaces.
  const key = `${jid} ${label}`;
  const before = seen.get(key);
  if (before !== undefined)
    throw new Error(`expected each label once for ${jid}, found the same on line ${before}`);
  seen.set(key, number);
}
