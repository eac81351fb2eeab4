/** Luxon takes a time alone for one of today, and a date alone for its beginning. */
const IS_WHOLE = /^[\dW-]+T[\d:.,]+(Z|[+-]\d\d:?\d\d)$/i;
/** Luxon goes on counting: it takes 24:00 for the next day, and +99:99 for four days and more. RFC 3339 has neither. */
const IS_BEYOND_CLOCK = /T(?:24|.*[+-](?:(?:2[4-9]|[3-9]\d)(?::?\d\d)?|\d\d:?[6-9]\d)$)/i;

/** @returns whether the time of an ISO 8601 text is on no clock, though Luxon would take it */
export function isBeyondClock(text: string): boolean {
  return IS_BEYOND_CLOCK.test(text);
}

/**
 * Reads an instant such as `not_after`.
 *
 * @param value ISO 8601 with its offset from UTC, as a text or as a date of TOML
 * @returns milliseconds since the Unix epoch
 * @throws {Error} that says what was expected
 */
export async function readInstant(value: string | Date): Promise<number> {
  // Only where it is needed: it takes as long to load as the rest of a start.
  const { DateTime } = await import('luxon');
  const text = typeof value === 'string' ? value : value.toISOString();
  const instant = DateTime.fromISO(text);
  if (instant.isValid && IS_WHOLE.test(text) && !isBeyondClock(text)) return instant.toMillis();
  throw new Error('expected a date, a time and an offset from UTC, such as 2026-12-31T23:59:00Z');
}
