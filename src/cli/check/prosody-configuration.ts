import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { explainReadError, readTextFile } from '../../config/read-file.js';
import { readLuaSettings, type LuaValue, type Section } from './lua-settings.js';
import type { Situation } from './situation.js';

const DEFAULT_FILE = '/etc/prosody/prosody.cfg.lua';
const MAX_FILES = 1000;

/** What Prosody is told, as far as it concerns us. */
export interface ProsodyConfiguration {
  readonly file: string;
  readonly global: (name: string) => LuaValue | undefined;
  /** Those with accounts; where none is named, what stands above them. */
  readonly hosts: readonly ProsodyHost[];
  /** Whether `plugin_paths` stands where Prosody does not look for it. */
  readonly hasMisplacedPaths: boolean;
}

/** One host, with what stands above all hosts where it says nothing itself. */
export interface ProsodyHost {
  readonly name: string | undefined;
  readonly setting: (name: string) => string | undefined;
  /** A list of texts; what stands above all hosts comes on top, as for `modules_enabled`. */
  readonly list: (name: string) => readonly string[];
}

/**
 * Reads Prosody's configuration, and the files that it includes.
 *
 * @returns `undefined` where there is no Prosody, or why it cannot be read
 */
export function readProsody({
  named,
}: Situation): ProsodyConfiguration | { readonly fault: string } | undefined {
  const file = named.prosody ?? DEFAULT_FILE;
  if (named.prosody === undefined && !existsSync(file)) return undefined;
  try {
    return understand(file, readSections(file, new Set()));
  } catch (error) {
    return { fault: `cannot read ${file}: ${explainReadError(error)}` };
  }
}

function understand(file: string, sections: readonly Section[]): ProsodyConfiguration {
  const global = (name: string): LuaValue | undefined =>
    sections.findLast(({ host, settings }) => host === undefined && settings.has(name))?.settings.get(name);
  const virtual = sections.filter(({ host, isComponent }) => host !== undefined && !isComponent);
  const hosts = (virtual.length > 0 ? virtual : sections.slice(0, 1)).map(({ host, settings }) => ({
    name: host,
    setting: (name: string) => textOf(settings.get(name) ?? global(name)),
    list: (name: string) => [global(name) ?? [], settings.get(name) ?? []].flat(),
  }));
  const hasMisplacedPaths = sections.some(
    ({ host, settings }) => host !== undefined && settings.has('plugin_paths'),
  );
  return { file, global, hosts, hasMisplacedPaths };
}

function textOf(value: LuaValue | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

function readSections(file: string, read: Set<string>): Section[] {
  if (read.has(file) || read.size >= MAX_FILES) return [];
  read.add(file);
  const { sections, includes } = readLuaSettings(readTextFile(file));
  const included = includes.flatMap((pattern) => filesOf(resolve(dirname(file), pattern)));
  return [...sections, ...included.flatMap((path) => readSections(path, read))];
}

/** As Prosody does it: stars in the name of the file, not in those of folders. */
function filesOf(pattern: string): string[] {
  if (!pattern.includes('*')) return [pattern];
  const parts = basename(pattern)
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  const name = new RegExp(`^${parts.join('.*')}$`);
  const folder = dirname(pattern);
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files
    .filter((file) => name.test(file))
    .sort()
    .map((file) => join(folder, file));
}
