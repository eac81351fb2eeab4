/**
 * How many lines a list may have. So many take 50 MB of memory, twice that while a new version is read, and a login that comes
 * right after a change waits for up to half a second.
 */
export const MAX_LIST_LINES = 500_000;

/** So much is handled in a few milliseconds, however short the lines are. */
const BLOCK_CHARACTERS = 16 * 1024;

/**
 * Lines that need nothing but small letters: no comment, space, comma, semicolon or star, nothing beyond ASCII. A regular
 * expression for each took longer.
 */
const SIMPLE_LINES = /^(?:(?:[!$%()+\-.0-9=?A-Z[-~]+(?:@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*)?)?(?:\n|$))*$/;

/** Some lines of a list. */
export interface ListBlock {
  readonly lines: readonly string[];
  /** Whether each of them is a name or a bare JID, already in small letters, or empty. */
  readonly isSimple: boolean;
}

/**
 * Cuts a list into blocks of lines.
 *
 * @throws {Error} that says what was expected, if it has too many lines
 */
export function* blocksOf(text: string): Generator<ListBlock, void, void> {
  assertFewLines(text);
  const unix = text.includes('\r\n') ? text.replaceAll('\r\n', '\n') : text;
  for (let from = 0; from <= unix.length;) {
    const newline = unix.indexOf('\n', from + BLOCK_CHARACTERS);
    const to = newline === -1 ? unix.length : newline;
    const block = unix.slice(from, to);
    const isSimple = SIMPLE_LINES.test(block);
    yield { lines: (isSimple ? block.toLowerCase() : block).split('\n'), isSimple };
    from = to + 1;
  }
}

function assertFewLines(text: string): void {
  let count = text === '' || text.endsWith('\n') ? 0 : 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  if (count <= MAX_LIST_LINES) return;
  const [limit, found] = [MAX_LIST_LINES, count].map((lines) => lines.toLocaleString('en'));
  throw new Error(
    `expected at most ${limit} lines, found ${found}; keep users elsewhere, such as by users = "seen"`,
  );
}
