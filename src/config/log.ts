import type { Problems } from './errors.js';
import type { LogTable } from './schema.js';

/** Where log lines go. */
export type LogTarget =
  { readonly kind: 'stderr' | 'syslog' | 'journal' } | { readonly kind: 'file'; readonly path: string };

/** The severity of a log line. */
export type Level = 'info' | 'warning' | 'error';

/** The settings of the table `[log]`. */
export interface LogSettings {
  readonly target: LogTarget;
  readonly format: 'plain' | 'json';
  /** Lines of a lower severity are left out. */
  readonly level: Level;
  /** Whether request lines contain the IP addresses of clients. */
  readonly clientAddress: boolean;
}

/** Reads the table `[log]`. */
export function readLog(table: LogTable, problems: Problems): LogSettings {
  const { target = 'stderr', format = 'plain', level = 'info', client_address: clientAddress = true } = table;
  return { target: parseTarget(target, problems), format, level, clientAddress };
}

function parseTarget(text: string, problems: Problems): LogTarget {
  if (text === 'stderr' || text === 'syslog' || text === 'journal') return { kind: text };
  if (!text.startsWith('file:/')) {
    problems.add(['log', 'target'], 'expected "stderr", "syslog", "journal" or "file:/path/of/the/log"');
  }
  return { kind: 'file', path: text.slice('file:'.length) };
}
