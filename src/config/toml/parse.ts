import { parse, TomlError } from 'smol-toml';
import type * as z from 'zod/mini';
import { ConfigurationError, settingName, type Problem } from '../errors.js';
import { schema, type Document } from '../schema.js';
import { hintAtToml } from './hints.js';
import { unknownSetting, type Source } from './unknown-setting.js';

const expectedTypes: Readonly<Record<string, string>> = {
  string: 'expected a text in quotes',
  number: 'expected a number',
  boolean: 'expected true or false',
  array: 'expected several in brackets',
};

const EXPECTED_COMMAND = 'expected a list in brackets, such as ["/usr/local/bin/check", "--flag"]';

/**
 * Parses the text of a configuration file.
 *
 * @param file the path of the file, for messages
 * @param text TOML 1.0
 * @throws {@link ConfigurationError} with every problem that the types of the settings have
 */
export function parseDocument(file: string, text: string): Document {
  const document = parseToml(file, text);
  const result = schema.safeParse(document);
  const problems = [
    ...impossibleDates(text),
    ...prototypeHost(document),
    ...(result.error?.issues.flatMap((issue) => problemsOf({ text, document }, issue)) ?? []),
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
    const reason = reasonOf(error);
    const hint = hintAtToml(text, error.line, reason);
    const message = `not TOML: ${reason}${hint === undefined ? '' : `; ${hint}`}`;
    throw new ConfigurationError(file, [{ where, message }]);
  }
}

// After its first line, smol-toml's message shows the lines around the error, which can have secrets.
function reasonOf(error: TomlError): string {
  const reason = error.message.split('\n', 1)[0]?.replace('Invalid TOML document: ', '') ?? '';
  return /^[a-z :,.-]+$/.test(reason) ? reason : 'this value cannot be read';
}

// TOML allows this name, and zod's records ignore it.
function prototypeHost(document: object): Problem[] {
  const hosts: unknown = 'hosts' in document ? document.hosts : undefined;
  if (typeof hosts !== 'object' || hosts === null || !Object.hasOwn(hosts, '__proto__')) return [];
  return [{ where: settingName(['hosts', '__proto__']), message: 'expected a domain such as example.com' }];
}

/** Texts and comments, which are skipped, and dates that are values. */
const DATE =
  /"""(?:\\[^]|[^\\])*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|=[ \t]*(?<date>\d{4}-\d\d-\d\d)/g;

// TOML (RFC 3339) forbids dates that do not exist, but smol-toml, as JavaScript, counts on: it returns March 1 for February 30.
function impossibleDates(text: string): Problem[] {
  return [...text.matchAll(DATE)].flatMap((match) => {
    const date = match.groups?.['date'];
    if (date === undefined || new Date(`${date}T00:00:00Z`).toISOString().startsWith(date)) return [];
    const line = text.slice(0, match.index).split('\n').length;
    return [{ where: `line ${line}`, message: `expected a date that exists, found ${date}` }];
  });
}

function problemsOf(source: Source, issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownSetting(source, issue.path, key));
  return [{ where: settingName(issue.path), message: expectationOf(issue) }];
}

function expectationOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value')
    return `expected ${issue.values.map((v) => `"${String(v)}"`).join(' or ')}`;
  const isInKeys = issue.path[0] === 'keys';
  if (issue.code === 'invalid_union')
    return isInKeys ? 'expected a date and a time' : 'expected a text in quotes, or several in brackets';
  if (issue.code === 'too_small') return `expected at least ${String(issue.minimum)}`;
  if (issue.code === 'too_big') return `expected at most ${String(issue.maximum)}`;
  if (issue.code === 'not_multiple_of') return 'expected a whole number';
  if (issue.code !== 'invalid_type') return 'this value cannot be used';
  if (isInKeys && issue.path.length <= 2) return 'expected [[keys]], with double brackets';
  if (issue.path.at(-1) === 'command' && issue.expected === 'array') return EXPECTED_COMMAND;
  return expectedTypes[issue.expected] ?? expectedTable(issue.path);
}

function expectedTable(path: readonly PropertyKey[]): string {
  const heading =
    path[0] === 'hosts' && path.length <= 2 ? '[hosts."example.com"]' : `[${settingName(path)}]`;
  return `expected a table: ${heading} on its own line, and its settings below`;
}
