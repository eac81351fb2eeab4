import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { explainReadError, readTextFile } from '../../../config/read-file.js';
import { messageOf } from '../../../errors.js';
import { readLuaSettings, type Include, type Section } from './lua-settings.js';
import { COMPUTED, type LuaValue } from './lua-value.js';
import { isAbsent } from '../absent.js';
import type { Situation } from '../situation.js';

const DEFAULT_FILE = '/etc/prosody/prosody.cfg.lua';
const MAX_FILES = 1000;

/** The settings of Prosody that concern xtokend. */
export interface ProsodyConfiguration {
  readonly file: string;
  readonly global: (name: string) => LuaValue | undefined;
  /** The virtual hosts that Prosody activates; if none is defined, one without a name that has the global settings. */
  readonly hosts: readonly ProsodyHost[];
  /** Hosts with `enabled = false`. */
  readonly disabledHosts: readonly string[];
  /** Whether `plugin_paths` is set for a host, where Prosody doesn't read it. */
  readonly hasMisplacedPaths: boolean;
  /** Places, as `FILE:LINE`, at which Lua can define hosts or settings that aren't read. */
  readonly unread: readonly string[];
}

/** A virtual host. Settings that it doesn't have itself are the global ones. */
export interface ProsodyHost {
  readonly name: string | undefined;
  /** Returns a text, or the first text of a list; `undefined` for a computed value as well. */
  readonly setting: (name: string) => string | undefined;
  readonly value: (name: string) => LuaValue | undefined;
  /** Returns the host's own value, without the global one. */
  readonly own: (name: string) => LuaValue | undefined;
  readonly isComputed: (name: string) => boolean;
  /** Whether a module is loaded by `modules_enabled` and `modules_disabled`; `undefined` if one of them is computed. */
  readonly hasModule: (name: string) => boolean | undefined;
}

type Values = ReadonlyMap<string, LuaValue>;

/**
 * Reads Prosody's configuration, and the files that it includes, without running it.
 *
 * @returns `undefined` if there is no Prosody, or why the configuration can't be read
 */
export function readProsody({
  named,
}: Situation): ProsodyConfiguration | { readonly fault: string } | undefined {
  const file = named.prosody ?? DEFAULT_FILE;
  if (named.prosody === undefined && isAbsent(file)) return undefined;
  try {
    const unread: string[] = [];
    const sections = readSections(file, unread, { files: 0 });
    return { ...understand(sections), file, unread };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

function understand(sections: readonly Section[]): Omit<ProsodyConfiguration, 'file' | 'unread'> {
  const globals = valuesOf(sections.filter(({ host }) => host === undefined));
  const named = sections.filter(({ host, isComponent }) => typeof host === 'string' && !isComponent);
  const nameOf = ({ host }: Section): string => String(host).toLowerCase();
  const all = [...new Set(named.map(nameOf))].map((name) =>
    hostOf(name, valuesOf(named.filter((section) => nameOf(section) === name)), globals),
  );
  const hosts = all.filter(({ setting }) => setting('enabled') !== 'false');
  return {
    global: (name) => globals.get(name),
    hosts: all.length > 0 ? hosts : [hostOf(undefined, new Map(), globals)],
    disabledHosts: all.filter((host) => !hosts.includes(host)).map(({ name }) => name ?? ''),
    hasMisplacedPaths: sections.some(
      ({ host, settings }) => host !== undefined && settings.has('plugin_paths'),
    ),
  };
}

/** Later settings replace earlier ones. */
function valuesOf(sections: readonly Section[]): Values {
  const values = new Map<string, LuaValue>();
  for (const [name, value] of sections.flatMap(({ settings }) => [...settings])) {
    if (value === undefined) values.delete(name);
    else values.set(name, value);
  }
  return values;
}

function hostOf(name: string | undefined, own: Values, globals: Values): ProsodyHost {
  const value = (setting: string): LuaValue | undefined => own.get(setting) ?? globals.get(setting);
  return {
    name,
    setting: (setting) => textOf(value(setting)),
    value,
    own: (setting) => own.get(setting),
    isComputed: (setting) => value(setting) === COMPUTED,
    hasModule: (module) => {
      const lists = [globals, own].flatMap((values) => [
        values.get('modules_enabled'),
        values.get('modules_disabled'),
      ]);
      if (lists.includes(COMPUTED)) return undefined;
      const [enabled, disabled, ownEnabled, ownDisabled] = lists.map((list) =>
        [list ?? []].flat().includes(module),
      );
      return ((enabled === true && disabled === false) || ownEnabled === true) && ownDisabled === false;
    },
  };
}

function textOf(value: LuaValue | undefined): string | undefined {
  if (value === COMPUTED) return undefined;
  return typeof value === 'string' ? value : value?.[0];
}

/** @throws {Error} that names the file that can't be read; Prosody doesn't start without it either */
function readSections(file: string, unread: string[], budget: { files: number }): Section[] {
  budget.files += 1;
  if (budget.files > MAX_FILES) throw new Error(`cannot read ${file}: it is one file too many`);
  const { parts, unread: lines } = readLuaSettings(textOfFile(file));
  unread.push(...lines.map((line) => `${file}:${line}`));
  const sectionsOf = (part: Section | Include): Section[] =>
    part.kind === 'section'
      ? [part]
      : filesOf(dirname(file), part.pattern).flatMap((path) => readSections(path, unread, budget));
  return parts.flatMap(sectionsOf);
}

function textOfFile(file: string): string {
  try {
    return readTextFile(file);
  } catch (error) {
    throw new Error(`cannot read ${file}: ${explainReadError(error)}`, { cause: error });
  }
}

/** As Prosody does it: wildcards in the name of the file, not in those of directories, and never for hidden files. */
function filesOf(directory: string, pattern: string): string[] {
  const path = pattern.startsWith('/') ? pattern : join(directory, pattern);
  if (!/[*?]/.test(pattern)) return [path];
  const parts = basename(path)
    .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const name = new RegExp(`^${parts}$`);
  return namesIn(dirname(path))
    .filter((file) => !file.startsWith('.') && name.test(file))
    .sort()
    .map((file) => join(dirname(path), file));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    throw new Error(`cannot read ${directory}: ${explainReadError(error)}`, { cause: error });
  }
}
