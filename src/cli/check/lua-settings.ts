/** What a setting of Prosody is given: a text (`true` and `false` as well), or a list of texts. What is computed is not understood. */
export type LuaValue = string | readonly string[];

/** A piece of a configuration file of Prosody: what stands above all hosts, or below one of them. */
export interface Section {
  /** `undefined` above all hosts. */
  readonly host: string | undefined;
  readonly isComponent: boolean;
  readonly settings: Map<string, LuaValue>;
}

/** What a file says. */
export interface LuaSettings {
  readonly sections: readonly Section[];
  /** Files to read as well, as they stand there. */
  readonly includes: readonly string[];
}

// Comments first, then strings, so that neither is looked for in the other; then names, and signs that matter.
const TOKEN =
  /--\[(=*)\[[^]*?\]\1\]|--[^\n]*|"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'|\[(=*)\[[^]*?\]\2\]|[A-Za-z_]\w*|\.\.|[{}=();,]|[^\s]/g;

/**
 * Reads the settings in a configuration file of Prosody. It is Lua, but is written as a list of settings; whatever else
 * stands there is passed over.
 */
export function readLuaSettings(text: string): LuaSettings {
  const tokens = (text.match(TOKEN) ?? []).filter((token) => !token.startsWith('--'));
  const above: Section = { host: undefined, isComponent: false, settings: new Map() };
  const sections = [above];
  const includes: string[] = [];
  let section = above;
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (token === '{') depth += 1;
    if (token === '}') depth -= 1;
    if (depth > 0) continue;
    if (token === 'VirtualHost' || token === 'Component') {
      section = {
        host: argumentAt(tokens, index + 1),
        isComponent: token === 'Component',
        settings: new Map(),
      };
      sections.push(section);
    }
    if (token === 'Include') includes.push(argumentAt(tokens, index + 1) ?? '');
    const value = tokens[index + 1] === '=' ? valueAt(tokens, index + 2) : undefined;
    if (value !== undefined) section.settings.set(token, value);
  }
  return { sections, includes };
}

/** With or without parentheses around it. */
function argumentAt(tokens: readonly string[], index: number): string | undefined {
  return stringOf(tokens[tokens[index] === '(' ? index + 1 : index]);
}

function valueAt(tokens: readonly string[], index: number): LuaValue | undefined {
  if (tokens[index] === '{') {
    const list = tokens.slice(index + 1, tokens.indexOf('}', index));
    return list.flatMap((token) => stringOf(token) ?? []);
  }
  return tokens[index + 1] === '..' ? undefined : stringOf(tokens[index]);
}

function stringOf(token: string | undefined): string | undefined {
  if (token === 'true' || token === 'false') return token;
  const [, , long] = /^\[(=*)\[([^]*)\]\1\]$/.exec(token ?? '') ?? [];
  if (long !== undefined) return long;
  const [, , text] = /^(["'])([^]*)\1$/.exec(token ?? '') ?? [];
  return text?.replace(/\\([^])/g, '$1');
}
