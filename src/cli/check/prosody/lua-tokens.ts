/** A word or sign of Lua, and the line that it stands in. */
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
