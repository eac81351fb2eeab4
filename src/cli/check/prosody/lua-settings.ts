import {
  closingBracket,
  COMPUTED,
  literalOf,
  luaElements,
  luaTokens,
  luaValueAt,
  type LuaValue,
  type Token,
} from './lua.js';

/** Settings of Prosody that apply to one host, or to the whole server. */
export interface Section {
  readonly kind: 'section';
  /** `undefined` for the whole server. */
  readonly host: string | typeof COMPUTED | undefined;
  readonly isComponent: boolean;
  /** The value `undefined` removes an earlier one. */
  readonly settings: Map<string, LuaValue | undefined>;
}

/** Another file, whose settings apply here. */
export interface Include {
  readonly kind: 'include';
  /** Its path, with `*` and `?` in the name of the file. */
  readonly pattern: string;
}

/** The content of a file. */
export interface LuaSettings {
  /** In the order in which they apply. */
  readonly parts: readonly (Section | Include)[];
  /** The lines at which Lua code can define hosts or settings. */
  readonly unread: readonly number[];
}

const NAME = /^[A-Za-z_]\w*$/;
const BLOCK_STARTS = new Set(['if', 'do', 'function', 'repeat']);
const BLOCK_ENDS = new Set(['end', 'until']);
const HOSTS = new Set(['VirtualHost', 'Host', 'host', 'Component', 'component']);
const INCLUDES = new Set(['Include', 'include']);
/** Calls that can run other Lua. */
const LOADERS = new Set(['RunScript', 'dofile', 'loadfile', 'load', 'loadstring', 'require']);

/**
 * Reads the settings in a configuration file of Prosody without running it. The file is Lua, but nearly always a plain list of
 * settings. A value that is computed, or set inside an `if`, a loop or a function, becomes {@link COMPUTED}.
 */
export function readLuaSettings(text: string): LuaSettings {
  return new Reader(luaTokens(text)).read();
}

class Reader {
  readonly #tokens: readonly Token[];
  readonly #parts: (Section | Include)[] = [];
  readonly #unread: number[] = [];
  #section = sectionOf(undefined);
  #blocks = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
    this.#parts.push(this.#section);
  }

  read(): LuaSettings {
    for (let index = 0; index < this.#tokens.length;) index = this.#statementAt(index);
    const parts = this.#parts.filter(
      (part) => part.kind === 'include' || part.host !== undefined || part.settings.size > 0,
    );
    return { parts, unread: this.#unread };
  }

  /** Returns the index of the next statement. */
  #statementAt(index: number): number {
    const text = this.#textAt(index);
    if (BLOCK_STARTS.has(text)) this.#blocks += 1;
    if (BLOCK_ENDS.has(text)) this.#blocks = Math.max(this.#blocks - 1, 0);
    if (text === '{') return closingBracket(this.#tokens, index) + 1;
    if (text === 'local' && this.#textAt(index + 1) !== 'function') return this.#namesAt(index + 1).next;
    if (!NAME.test(text) || ['.', ':'].includes(this.#textAt(index - 1))) return index + 1;
    const { names, next } = this.#namesAt(index);
    if (this.#textAt(next) === '=') return this.#assign(names, next + 1);
    if (HOSTS.has(text)) return this.#hostAt(index);
    if (INCLUDES.has(text)) return this.#includeAt(index);
    if (LOADERS.has(text)) this.#unread.push(this.#lineAt(index));
    this.#mention(text);
    return index + 1;
  }

  /** A later mention of a list may change it, such as `modules_enabled:append { … }` of Prosody 13.0. */
  #mention(name: string): void {
    const isChanged = this.#parts.some(
      (part) =>
        part.kind === 'section' && part.host === this.#section.host && Array.isArray(part.settings.get(name)),
    );
    if (isChanged) this.#section.settings.set(name, COMPUTED);
  }

  #namesAt(index: number): { names: string[]; next: number } {
    const names = [this.#textAt(index)];
    let next = index + 1;
    while (this.#textAt(next) === ',' && NAME.test(this.#textAt(next + 1))) {
      names.push(this.#textAt(next + 1));
      next += 2;
    }
    return { names, next };
  }

  #assign(names: readonly string[], index: number): number {
    let at = index;
    let isComputed = this.#blocks > 0;
    for (const name of names) {
      const { value, next } = luaValueAt(this.#tokens, at);
      isComputed ||= value === COMPUTED;
      this.#section.settings.set(name, isComputed ? COMPUTED : value);
      // A computed value is read as statements: it can hold blocks and calls.
      if (!isComputed) at = this.#textAt(next) === ',' ? next + 1 : next;
    }
    return at;
  }

  #hostAt(index: number): number {
    const isComponent = this.#textAt(index).toLowerCase() === 'component';
    const { literal, next } = this.#argumentAt(index + 1);
    const host = literal === undefined || this.#blocks > 0 ? COMPUTED : literal;
    if (host === COMPUTED && !isComponent) this.#unread.push(this.#lineAt(index));
    this.#begin({ ...sectionOf(host), isComponent });
    const table = isComponent && this.#textAt(next) !== '{' ? next + 1 : next;
    return this.#textAt(table) === '{' ? this.#tableAt(table) : next;
  }

  /** Reads the settings of a host in a table; those after it are global again. */
  #tableAt(index: number): number {
    const end = closingBracket(this.#tokens, index);
    for (const element of luaElements(this.#tokens.slice(index + 1, end))) {
      const [name, equals] = element;
      if (name === undefined || equals?.text !== '=') continue;
      const { value, next } = luaValueAt(element, 2);
      this.#section.settings.set(name.text, next < element.length ? COMPUTED : value);
    }
    this.#begin(sectionOf(undefined));
    return end + 1;
  }

  #includeAt(index: number): number {
    const { literal, next } = this.#argumentAt(index + 1);
    if (literal === undefined || this.#blocks > 0) this.#unread.push(this.#lineAt(index));
    else {
      this.#parts.push({ kind: 'include', pattern: literal });
      this.#begin({ ...this.#section, settings: new Map() });
    }
    return next;
  }

  #begin(section: Section): void {
    this.#section = section;
    this.#parts.push(section);
  }

  /** Reads the only argument of a call, with or without parentheses. */
  #argumentAt(index: number): { literal: string | undefined; next: number } {
    const isParenthesized = this.#textAt(index) === '(';
    const at = isParenthesized ? index + 1 : index;
    const literal = literalOf(this.#tokens[at]);
    const isWhole = !isParenthesized || this.#textAt(at + 1) === ')';
    if (literal === undefined || literal === COMPUTED || !isWhole) return { literal: undefined, next: index };
    return { literal, next: isParenthesized ? at + 2 : at + 1 };
  }

  #textAt(index: number): string {
    return this.#tokens[index]?.text ?? '';
  }

  #lineAt(index: number): number {
    return this.#tokens[index]?.line ?? 0;
  }
}

function sectionOf(host: Section['host']): Section {
  return { kind: 'section', host, isComponent: false, settings: new Map() };
}
