import { closingBracket, luaElements, type Token } from './lua-tokens.js';

/** Stands for a value that only Lua itself can determine. */
export const COMPUTED: unique symbol = Symbol('computed in Lua');

/** The value of a setting: a text (numbers, `true` and `false` as well), or the texts in a list. */
export type LuaValue = string | readonly string[] | typeof COMPUTED;

/** A value, and the index of the token after it. */
export interface FoundValue {
  /** `undefined` for nil. */
  readonly value: LuaValue | undefined;
  readonly next: number;
}

/** After a literal, these continue the expression. */
const OPERATORS = new Set('.. and or + - * / % ^ == ~= <= >= < > . : [ ('.split(' '));

/** Reads the value at an index. What isn't a literal, or a list of literals, is computed. */
export function luaValueAt(tokens: readonly Token[], index: number): FoundValue {
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

/** Named elements and tables don't count in lists of modules, ports or directories. */
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
