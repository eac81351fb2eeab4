import type { Level, LogSettings } from '../config/log.js';
import { messageOf } from '../errors.js';
import { withoutSecrets } from './known-secrets.js';
import { BatchedWriter } from './batched-writer.js';
import { createLineFormat, type Fields, type LineFormat } from './line-format.js';
import { openSink } from './sinks/sink.js';

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
 * Opens a log. Lines are written at the end of the event loop iteration that they come in, those of level `error` at once.
 *
 * @param clock milliseconds since the Unix epoch
 * @param fallback is told, once, that the target cannot be written, gets the lines meanwhile, and is told that it can be again
 */
export function openLog(settings: LogSettings, clock: () => number, fallback?: Log): Log {
  const sink = openSink(settings.target);
  const formatLine = createLineFormat(settings.format, sink.heading);
  const format: LineFormat = (...line) => withoutSecrets(formatLine(...line));
  const batch = new BatchedWriter(sink, {
    onError: (error) => {
      fallback?.write('error', 'log write failed', { path: sink.name, cause: messageOf(error) });
    },
    onRecovered: (lost) => {
      const fields = { path: sink.name, lost };
      fallback?.write('warning', 'log recovered', fields);
      if (lost > 0) batch.add(format('warning', 'log recovered', fields, clock()));
    },
  });
  return {
    write: (level, message, fields = {}) => {
      if (WEIGHT[level] < WEIGHT[settings.level]) return;
      if (batch.isFailing && fallback !== undefined) {
        fallback.write(level, message, fields);
        return;
      }
      batch.add(format(level, message, fields, clock()));
      // Whatever comes next may be the end.
      if (level === 'error') batch.flush();
    },
    close: () =>
      sink.close(() => {
        batch.flush();
      }),
  };
}
