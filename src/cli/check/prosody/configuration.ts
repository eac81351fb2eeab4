import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readTextFile } from '../../../system/read-file.js';
import { readNamed } from '../machine/access.js';
import { readLuaSettings, type Include, type Section } from './lua-settings.js';
import { COMPUTED, type LuaValue } from './lua.js';

/** The user that Prosody runs as, unless `prosody_user` names another one. */
export const DEFAULT_USER = 'prosody';
const DEFAULT_PROVIDER = 'internal_hashed';
const MAX_FILES = 1000;
const MODULE_LISTS = ['modules_enabled', 'modules_disabled'];

/** The settings of Prosody that concern xtokend. */
export interface ProsodyConfiguration {
  readonly file: string;
  /** The name of the user that Prosody runs as. */
  readonly user: string;
  readonly global: (name: string) => LuaValue | undefined;
  /** The active virtual hosts; if the file defines none, one without a name that has the global settings. */
  readonly hosts: readonly ProsodyHost[];
  /** Hosts with `enabled = false`. */
  readonly disabledHosts: readonly string[];
  /** Whether `plugin_paths` is set below a host, where Prosody ignores it. */
  readonly hasMisplacedPaths: boolean;
  /** Places, as `FILE:LINE`, at which Lua code can define hosts or settings. */
  readonly unread: readonly string[];
}

/** A virtual host. For settings that it does not have, the global ones apply. */
export interface ProsodyHost {
  readonly name: string | undefined;
  /** The authentication provider, as Prosody chooses it. */
  readonly provider: string;
  /** Our module, the stock one (`external`, `external_insecure`), another one, or one that Lua code computes. */
  readonly authentication: 'xtoken' | 'external' | 'other' | 'computed';
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
 * @throws {Error} that names a file that cannot be read; Prosody does not start without it either
 */
export function readProsody(file: string): ProsodyConfiguration {
  const unread: string[] = [];
  const sections = readSections(file, unread, { files: 0 });
  return { ...interpret(sections), file, unread };
}

function interpret(sections: readonly Section[]): Omit<ProsodyConfiguration, 'file' | 'unread'> {
  const globals = valuesOf(sections.filter(({ host }) => host === undefined));
  const named = sections.filter(({ host, isComponent }) => typeof host === 'string' && !isComponent);
  const nameOf = ({ host }: Section): string => String(host).toLowerCase();
  const all = [...new Set(named.map(nameOf))].map((name) =>
    hostOf(name, valuesOf(named.filter((section) => nameOf(section) === name)), globals),
  );
  const hosts = all.filter(({ setting }) => setting('enabled') !== 'false');
  const user = globals.get('prosody_user');
  return {
    user: typeof user === 'string' ? user : DEFAULT_USER,
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
  const isAnonymous = value('anonymous_login') === 'true';
  const provider = isAnonymous ? 'anonymous' : (textOf(value('authentication')) ?? DEFAULT_PROVIDER);
  const isExternal = provider.startsWith('external');
  const named = provider === 'xtoken' ? provider : isExternal ? 'external' : 'other';
  return {
    name,
    provider,
    authentication: value('authentication') === COMPUTED ? 'computed' : named,
    setting: (setting) => textOf(value(setting)),
    value,
    own: (setting) => own.get(setting),
    isComputed: (setting) => value(setting) === COMPUTED,
    hasModule: (module) => {
      const lists = [globals, own].flatMap((values) => MODULE_LISTS.map((list) => values.get(list)));
      if (lists.includes(COMPUTED)) return undefined;
      const [on = false, off = false, ownOn = false, ownOff = false] = lists.map((list) =>
        [list ?? []].flat().includes(module),
      );
      return ((on && !off) || ownOn) && !ownOff;
    },
  };
}

function textOf(value: LuaValue | undefined): string | undefined {
  if (value === COMPUTED) return undefined;
  return typeof value === 'string' ? value : value?.[0];
}

function readSections(file: string, unread: string[], budget: { files: number }): Section[] {
  budget.files += 1;
  if (budget.files > MAX_FILES) throw new Error(`cannot read ${file}: it is one file too many`);
  const { parts, unread: lines } = readLuaSettings(readNamed(file, () => readTextFile(file)));
  unread.push(...lines.map((line) => `${file}:${line}`));
  const sectionsOf = (part: Section | Include): Section[] =>
    part.kind === 'section'
      ? [part]
      : filesOf(dirname(file), part.pattern).flatMap((path) => readSections(path, unread, budget));
  return parts.flatMap(sectionsOf);
}

/** Expands wildcards as Prosody does: in the name of the file, not in those of directories, and never for hidden files. */
function filesOf(directory: string, pattern: string): string[] {
  const path = pattern.startsWith('/') ? pattern : join(directory, pattern);
  if (!/[*?]/.test(pattern)) return [path];
  const parts = basename(path)
    .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const name = new RegExp(`^${parts}$`);
  const parent = dirname(path);
  return readNamed(parent, () => readdirSync(parent))
    .filter((file) => !file.startsWith('.') && name.test(file))
    .sort()
    .map((file) => join(parent, file));
}
