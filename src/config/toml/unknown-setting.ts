import { MIN_SEED_CHARACTERS } from '../../credential/otp.js';
import { nearest } from '../../nearest.js';
import { settingName, type Problem } from '../errors.js';
import { knownSettings, placesOf } from '../schema.js';

/** A configuration file, before and after parsing. */
export interface Source {
  readonly text: string;
  readonly document: object;
}

/**
 * Explains what is wrong with a setting that does not exist, or not in its table.
 *
 * @param path the path of the table
 * @param key the name of the setting
 */
export function unknownSetting(source: Source, path: readonly PropertyKey[], key: string): Problem {
  const known = knownSettings(path);
  const near = nearest(key, known) ?? known.find((name) => name === `${key}_file`);
  const places = placesOf(key);
  const host = near === undefined ? unquotedHost(source.document, path, key) : undefined;
  // If name and value were mixed up, the name can be a secret, but no secret is this short.
  const showable = near !== undefined || places.length > 0 || isShowable(key);
  const shown = showable ? settingName([key]) : '(a long name, not shown: it may be a secret)';
  const where = path.length === 0 ? shown : `${settingName(path)}.${shown}`;
  const line = lineOf(source.text, key);
  if (host !== undefined) return { where, message: `a host needs quotes${line}: write [hosts."${host}"]` };
  if (places.length > 0)
    return { where, message: `is in the wrong place${line}: write it ${places.join(', or ')}` };
  const fix = near === undefined ? `Known settings: ${known.join(', ')}` : `Did you mean ${near}?`;
  return { where, message: `there is no such setting${line}. ${fix}` };
}

/** Finds a host that TOML split at its dots, as in `[hosts.example.com]`, or that is not below `hosts`, as in `["example.com"]`. */
function unquotedHost(document: object, path: readonly PropertyKey[], key: string): string | undefined {
  const [table, ...rest] = path.map(String);
  if (table !== undefined && (table !== 'hosts' || rest.length !== 1)) return undefined;
  const names = [...rest, key];
  let value: unknown = [...path, key].reduce<unknown>(valueOf, document);
  if (!isTable(value)) return undefined;
  for (let inner = onlyTable(value); inner !== undefined; inner = onlyTable(value)) {
    names.push(inner);
    value = valueOf(value, inner);
  }
  // Several hosts begin with this name, so use an example.
  if (Object.values(value as object).some(isTable)) return 'example.com';
  const host = names.find((name) => name.includes('.')) ?? names.join('.');
  if (!host.includes('.')) return undefined;
  return names.every(isShowable) ? host : 'example.com';
}

function onlyTable(value: unknown): string | undefined {
  if (!isTable(value)) return undefined;
  const [name, ...others] = Object.keys(value);
  return name !== undefined && others.length === 0 && isTable(valueOf(value, name)) ? name : undefined;
}

function valueOf(table: unknown, name: PropertyKey): unknown {
  return isTable(table) && Object.hasOwn(table, name) ? table[name] : undefined;
}

function isTable(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function isShowable(name: string): boolean {
  return name.length < MIN_SEED_CHARACTERS;
}

/** Returns the number of the line with a name, if there is only one. */
function lineOf(text: string, key: string): string {
  const escaped = key.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
  const pattern = new RegExp(
    String.raw`^\s*(?:\[.*[.["'\s]|\[)?(?:[\w-]+\s*\.\s*)*["']?${escaped}["']?\s*[=.\]]`,
  );
  const numbers = text.split('\n').flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
  return numbers.length === 1 ? ` (line ${String(numbers[0])})` : '';
}
