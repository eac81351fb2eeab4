import { DateTime, Duration, FixedOffsetZone } from 'luxon';
import { isBeyondClock } from '../../config/keys/instant.js';
import { UsageError } from './usage-error.js';

/**
 * Parses the value of `--at`.
 *
 * @param text ISO 8601 (local time if it names no zone), or Unix seconds; `undefined` is now
 * @returns milliseconds since the Unix epoch
 * @throws {@link UsageError} for anything else
 */
export function parseTime(text: string | undefined): number {
  if (text === undefined) return Date.now();
  const time = /^\d+(\.\d+)?$/.test(text) ? DateTime.fromSeconds(Number(text)) : DateTime.fromISO(text);
  if (!time.isValid || isBeyondClock(text) || time.toMillis() < 0) {
    throw new UsageError('--at: expected a time from 1970 on, such as 2026-11-23T18:00:00Z or 1795456800');
  }
  return time.toMillis();
}

/** Formats an instant for people, with its time zone. */
export function formatTime(milliseconds: number): string {
  return DateTime.fromMillis(milliseconds).toFormat('yyyy-MM-dd HH:mm:ss ZZ');
}

/** Formats a duration in its two largest units: "42 s", "3 min 5 s", "2 h 10 min". */
export function formatDuration(milliseconds: number): string {
  const duration = Duration.fromMillis(milliseconds).shiftTo('hours', 'minutes', 'seconds');
  const parts = [`${duration.hours} h`, `${duration.minutes} min`, `${Math.floor(duration.seconds)} s`];
  const nonZero = parts.filter((part) => !part.startsWith('0 '));
  return nonZero.slice(0, 2).join(' ') || '0 s';
}

/** Formats an offset from UTC, such as "+05:30". */
export function formatOffset(minutes: number): string {
  return FixedOffsetZone.instance(minutes).formatOffset(0, 'short');
}
