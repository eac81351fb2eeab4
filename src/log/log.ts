import type { Level, LogSettings } from '../config/log.js';
import { messageOf } from '../errors.js';
import { BatchedWriter } from './batched-writer.js';
import { withoutSecrets } from '../system/known-secrets.js';
import { createLineFormat, type Fields, type LineFormat } from './line-format.js';
import { openSink } from './sinks/open-sink.js';

export type { Level } from '../config/log.js';
export type { Fields } from './line-format.js';

/** Writes lines to a sink. Never throws and never waits: a failing log must not delay an answer. */
export interface Log {
  write(level: Level, message: string, fields?: Fields): void;
  /**
   * Writes the remaining lines and closes the sink. Lines that need no waiting are written at once.
   *
   * @returns a promise that resolves when the rest is written, or after a timeout
   */
  close(): Promise<void> | undefined;
}

const WEIGHT: Readonly<Record<Level, number>> = { info: 0, warning: 1, error: 2 };

/**
 * Opens a log. Writes lines at the end of the event loop iteration, and those of level `error` at once.
 *
 * @param clock milliseconds since the Unix epoch
 * @param env the environment, for stderr
 * @param fallback gets the lines while the sink fails, and one line each when it fails and recovers
 */
export function openLog(
  settings: LogSettings,
  clock: () => number,
  env: NodeJS.ProcessEnv,
  fallback?: Log,
): Log {
  const sink = openSink(settings.target, env);
  const formatLine = createLineFormat(settings.format, sink.prefix);
  const format: LineFormat = (...line) => withoutSecrets(formatLine(...line));
  const writer = new BatchedWriter(sink, {
    onError: (error) => {
      fallback?.write('error', 'log write failed', { path: sink.name, cause: messageOf(error) });
    },
    onRecovered: (lost) => {
      const fields = { path: sink.name, lost };
      fallback?.write('warning', 'log recovered', fields);
      if (lost > 0) writer.add(format('warning', 'log recovered', fields, clock()));
    },
  });
  return {
    write: (level, message, fields = {}) => {
      if (WEIGHT[level] < WEIGHT[settings.level]) return;
      if (writer.isFailing && fallback !== undefined) {
        fallback.write(level, message, fields);
        return;
      }
      writer.add(format(level, message, fields, clock()));
      // The process may exit right after an error.
      if (level === 'error') writer.flush();
    },
    close: () =>
      sink.close(() => {
        writer.flush();
      }),
  };
}
