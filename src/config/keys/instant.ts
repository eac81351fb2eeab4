/** Luxon reads a time without a date as today's, and a date without a time as midnight. */
const IS_WHOLE = /^[\dW-]+T[\d:.,]+(Z|[+-]\d\d:?\d\d)$/i;
/** Luxon reads 24:00 as the next day, and +99:99 as more than four days. RFC 3339 allows neither. */
const IS_BEYOND_CLOCK = /T(?:24|.*[+-](?:(?:2[4-9]|[3-9]\d)(?::?\d\d)?|\d\d:?[6-9]\d)$)/i;

/** Returns whether an ISO 8601 text has a time that no clock shows, although Luxon accepts it. */
export function isBeyondClock(text: string): boolean {
  return IS_BEYOND_CLOCK.test(text);
}

/**
 * Reads a time such as `not_after`.
 *
 * @param value ISO 8601 with an offset from UTC, as a text or as a date of TOML
 * @returns milliseconds since the Unix epoch
 * @throws {Error} with a message for people if it is anything else
 */
export async function readInstant(value: string | Date): Promise<number> {
  // Luxon takes as long to load as the rest of the program.
  const { DateTime } = await import('luxon');
  const text = typeof value === 'string' ? value : value.toISOString();
  const instant = DateTime.fromISO(text);
  if (instant.isValid && IS_WHOLE.test(text) && !isBeyondClock(text)) return instant.toMillis();
  throw new Error('expected a date, a time and an offset from UTC, such as 2026-12-31T23:59:00Z');
}
