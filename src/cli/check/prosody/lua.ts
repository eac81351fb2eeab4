/** Marks a value that can't be known without running the Lua code. */
export const COMPUTED: unique symbol = Symbol('computed in Lua');

/** The value of a setting: a text (numbers, `true` and `false` as well), or the texts in a list. */
export type LuaValue = string | readonly string[] | typeof COMPUTED;

/** A token of Lua, and its line. */
export interface Token {
  readonly text: string;
  readonly line: number;
}

// Comments first, then strings, so that neither is found inside the other.
const TOKEN =
  /--\[(=*)\[[^]*?\]\1\]|--[^\n]*|"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'|\[(=*)\[[^]*?\]\2\]|[A-Za-z_]\w*|\d[\w.]*|\.\.|[=~<>]=|[^\s]/g;

const BRACKETS: Readonly<Record<string, number>> = { '{': 1, '(': 1, '[': 1, '}': -1, ')': -1, ']': -1 };

/** Splits Lua into tokens, without its comments. */
export function luaTokens(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let end = 0;
  for (const { 0: found, index } of text.matchAll(TOKEN)) {
    line += newlinesIn(text.slice(end, index));
    if (!found.startsWith('--')) tokens.push({ text: found, line });
    line += newlinesIn(found);
    end = index + found.length;
  }
  return tokens;
}

/** Returns the index of the bracket that closes the one at an index; the number of tokens if none does. */
export function closingBracket(tokens: readonly Token[], index: number): number {
  let depth = 0;
  for (let at = index; at < tokens.length; at += 1) {
    depth += BRACKETS[tokens[at]?.text ?? ''] ?? 0;
    if (depth <= 0) return at;
  }
  return tokens.length;
}

/** Splits the inside of a table at the separators that don't belong to a table, call or index inside it. */
export function luaElements(inside: readonly Token[]): Token[][] {
  const elements: Token[][] = [];
  let element: Token[] = [];
  let depth = 0;
  for (const token of inside) {
    depth += BRACKETS[token.text] ?? 0;
    if (depth === 0 && (token.text === ',' || token.text === ';')) {
      elements.push(element);
      element = [];
    } else element.push(token);
  }
  return [...elements, element].filter(({ length }) => length > 0);
}

function newlinesIn(text: string): number {
  return text.split('\n').length - 1;
}

/** Tokens that continue an expression after a literal. */
const OPERATORS = new Set('.. and or + - * / % ^ == ~= <= >= < > . : [ ('.split(' '));

/**
 * Reads the value at an index. A value that is not a literal, or a list of literals, is computed.
 *
 * @returns the value (`undefined` for nil), and the index of the token after it
 */
export function luaValueAt(
  tokens: readonly Token[],
  index: number,
): { value: LuaValue | undefined; next: number } {
  const isTable = tokens[index]?.text === '{';
  const end = isTable ? closingBracket(tokens, index) : index;
  const value = isTable ? listOf(tokens.slice(index + 1, end)) : literalOf(tokens[index]);
  const isLonger = OPERATORS.has(tokens[end + 1]?.text ?? '');
  return { value: isLonger ? COMPUTED : value, next: end + 1 };
}

/** Returns the text of a string, number or boolean; `undefined` for nil. */
export function literalOf(token: Token | undefined): string | typeof COMPUTED | undefined {
  const text = token?.text ?? '';
  if (text === 'nil') return undefined;
  if (/^(?:true|false|\d.*)$/.test(text)) return text;
  const [, , long] = /^\[(=*)\[([^]*)\]\1\]$/.exec(text) ?? [];
  if (long !== undefined) return long;
  const [, , short] = /^(["'])([^]*)\1$/.exec(text) ?? [];
  return short === undefined ? COMPUTED : short.replace(/\\([^])/g, '$1');
}

/** Ignores named elements and tables: in lists of modules, ports or directories they have no meaning. */
function listOf(inside: readonly Token[]): LuaValue {
  const list: string[] = [];
  for (const [first, second] of luaElements(inside)) {
    if (first?.text === '{' || first?.text === '[' || second?.text === '=') continue;
    const literal = second === undefined ? literalOf(first) : COMPUTED;
    if (literal === COMPUTED) return COMPUTED;
    if (literal !== undefined) list.push(literal);
  }
  return list;
}
