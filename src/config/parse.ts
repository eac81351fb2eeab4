import leven from 'leven';
import { parse, TomlError } from 'smol-toml';
import type * as z from 'zod/mini';
import { MIN_SEED_CHARACTERS } from '../credential/otp.js';
import { ConfigurationError, type Problem } from './errors.js';
import { knownSettings, schema, type Document } from './schema.js';
import { settingName } from './setting-name.js';
import { impossibleDates } from './toml-dates.js';

const expectedTypes: Readonly<Record<string, string>> = {
  string: 'expected a text in quotes',
  number: 'expected a number',
  boolean: 'expected true or false',
  array: 'expected several in brackets',
};
const MAX_TYPING_ERRORS = 4;

/**
 * Parses the text of a configuration file.
 *
 * @param file its path, for messages
 * @param text TOML 1.0
 * @throws {@link ConfigurationError} that names every problem at once
 */
export function parseDocument(file: string, text: string): Document {
  const document = parseToml(file, text);
  const result = schema.safeParse(document);
  const problems = [
    ...impossibleDates(text),
    ...prototypeHost(document),
    ...(result.error?.issues.flatMap(problemsOf) ?? []),
  ];
  if (!result.success || problems.length > 0) throw new ConfigurationError(file, problems);
  return result.data;
}

function parseToml(file: string, text: string): object {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const where = `line ${error.line}, column ${error.column}`;
    throw new ConfigurationError(file, [{ where, message: `not TOML: ${reasonOf(error)}` }]);
  }
}

// Below its first line smol-toml's message shows the lines around the error, secrets and all.
function reasonOf(error: TomlError): string {
  const reason = error.message.split('\n', 1)[0]?.replace('Invalid TOML document: ', '') ?? '';
  return /^[a-z :,.-]+$/.test(reason) ? reason : 'this value cannot be read';
}

// TOML has nothing against this name, and zod's records pass over it in silence.
function prototypeHost(document: object): Problem[] {
  const hosts: unknown = 'hosts' in document ? document.hosts : undefined;
  if (typeof hosts !== 'object' || hosts === null || !Object.hasOwn(hosts, '__proto__')) return [];
  return [{ where: settingName(['hosts', '__proto__']), message: 'expected a domain such as example.com' }];
}

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownSetting(issue.path, key));
  return [{ where: settingName(issue.path), message: expectationOf(issue) }];
}

function unknownSetting(path: readonly PropertyKey[], key: string): Problem {
  const near = nearest(key, knownSettings(path));
  // Where values and names were mixed up, an unknown name can be a secret; but no secret is this short.
  const showable = near !== undefined || key.length < MIN_SEED_CHARACTERS;
  const shown = showable ? settingName([key]) : '(a long name, not shown: it may be a secret)';
  const where = path.length === 0 ? shown : `${settingName(path)}.${shown}`;
  const cure = near === undefined ? `known here: ${knownSettings(path).join(', ')}` : `did you mean ${near}?`;
  return { where, message: `there is no such setting; ${cure}` };
}

function nearest(key: string, known: readonly string[]): string | undefined {
  const near = known
    .map((name) => ({ name, distance: leven(key, name), length: Math.max(key.length, name.length) }))
    .filter(({ distance, length }) => distance <= Math.min(MAX_TYPING_ERRORS, length / 2));
  return near.sort((a, b) => a.distance - b.distance)[0]?.name;
}

function expectationOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value')
    return `expected ${issue.values.map((v) => `"${String(v)}"`).join(' or ')}`;
  if (issue.code === 'invalid_union') return expectedUnion(issue.path);
  if (issue.code === 'too_small') return `expected at least ${String(issue.minimum)}`;
  if (issue.code === 'too_big') return `expected at most ${String(issue.maximum)}`;
  if (issue.code !== 'invalid_type') return 'this value cannot be used';
  return expectedTypes[issue.expected] ?? 'expected a table';
}

function expectedUnion(path: readonly PropertyKey[]): string {
  return path[0] === 'keys'
    ? 'expected a date and a time'
    : 'expected a text in quotes, or several in brackets';
}
