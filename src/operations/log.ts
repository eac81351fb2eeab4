import type { Level, LogSettings } from '../config/log.js';
import { messageOf } from '../errors.js';
import { withoutSecrets } from '../known-secrets.js';
import { Batch } from './batch.js';
import { createLineFormat, type Fields, type LineFormat } from './line-format.js';
import { openOutlet } from './outlet.js';

export type { Level } from '../config/log.js';
export type { Fields } from './line-format.js';

/** Writes lines somewhere. Never throws, never waits: a log that cannot be written must not keep anybody from an answer. */
export interface Log {
  write(level: Level, message: string, fields?: Fields): void;
  /**
   * Writes what is left, and lets go of what is behind the log. What can be written without waiting is written at once.
   *
   * @returns when the rest is written, or nobody seems to take it
   */
  close(): Promise<void> | undefined;
}

const WEIGHT: Readonly<Record<Level, number>> = { info: 0, warning: 1, error: 2 };

/**
 * Opens a log. Lines are written at the end of the turn of the event loop that they come in, those of level `error` at once.
 *
 * @param clock milliseconds since the Unix epoch
 * @param fallback is told, once, that the target cannot be written, gets the lines meanwhile, and is told that it can be again
 */
export function openLog(settings: LogSettings, clock: () => number, fallback?: Log): Log {
  const outlet = openOutlet(settings.target);
  const formatLine = createLineFormat(settings.format, outlet.heading);
  const format: LineFormat = (...line) => withoutSecrets(formatLine(...line));
  const batch = new Batch(outlet, {
    onBroken: (error) => {
      fallback?.write('error', 'the log cannot be written', { path: outlet.name, cause: messageOf(error) });
    },
    onMended: (lost) => {
      const fields = { path: outlet.name, lost };
      fallback?.write('warning', 'the log can be written again', fields);
      if (lost > 0) batch.add(format('warning', 'the log can be written again', fields, clock()));
    },
  });
  return {
    write: (level, message, fields = {}) => {
      if (WEIGHT[level] < WEIGHT[settings.level]) return;
      if (batch.isBroken && fallback !== undefined) {
        fallback.write(level, message, fields);
        return;
      }
      batch.add(format(level, message, fields, clock()));
      // Whatever comes next may be the end.
      if (level === 'error') batch.flush();
    },
    close: () =>
      outlet.close(() => {
        batch.flush();
      }),
  };
}
