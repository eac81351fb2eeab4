/**
 * The maximum number of lines of a list. They take 50 MB of memory, twice that while a new version is read, and a login right after a
 * change waits for up to half a second.
 */
export const MAX_LIST_LINES = 500_000;

/** Processed in a few milliseconds, however short the lines are. */
const BATCH_CHARACTERS = 16 * 1024;

/**
 * Lines that only need lower case: no comment, space, comma, semicolon or star, only ASCII. One regular expression for each line takes
 * longer.
 */
const SIMPLE_LINES = /^(?:(?:[!$%()+\-.0-9=?A-Z[-~]+(?:@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*)?)?(?:\n|$))*$/;

/** Some lines of a list. */
export interface LineBatch {
  readonly lines: readonly string[];
  /** Whether each line is a name or a bare JID in lower case, or empty. */
  readonly isSimple: boolean;
}

/**
 * Splits a list into batches of lines.
 *
 * @throws {Error} if it has too many lines
 */
export function* batchesOf(text: string): Generator<LineBatch, void, void> {
  assertFewLines(text);
  const unix = text.includes('\r\n') ? text.replaceAll('\r\n', '\n') : text;
  for (let from = 0; from <= unix.length;) {
    const newline = unix.indexOf('\n', from + BATCH_CHARACTERS);
    const to = newline === -1 ? unix.length : newline;
    const batch = unix.slice(from, to);
    const isSimple = SIMPLE_LINES.test(batch);
    yield { lines: (isSimple ? batch.toLowerCase() : batch).split('\n'), isSimple };
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
