import type { Problem } from '../errors.js';

/** Texts and comments, which are skipped, and dates that are values. */
const DATE =
  /"""(?:\\[^]|[^\\])*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|=[ \t]*(?<date>\d{4}-\d\d-\d\d)/g;

/**
 * Finds the dates of a TOML document that no calendar has. TOML (RFC 3339) forbids them, but smol-toml makes March 1 of
 * February 30, and its result no longer shows that.
 *
 * @param text a document that could be parsed
 */
export function impossibleDates(text: string): Problem[] {
  return [...text.matchAll(DATE)].flatMap((match) => {
    const date = match.groups?.['date'];
    if (date === undefined || exists(date)) return [];
    const line = text.slice(0, match.index).split('\n').length;
    return [{ where: `line ${line}`, message: `expected a date that exists, found ${date}` }];
  });
}

/** JavaScript, too, goes on counting in the next month. */
function exists(date: string): boolean {
  return new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);
}
