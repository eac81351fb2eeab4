import type { Problem } from './errors.js';
import type { LogTable } from './schema.js';

/** Where log lines go. */
export type LogTarget =
  { readonly kind: 'stderr' | 'syslog' | 'journal' } | { readonly kind: 'file'; readonly path: string };

/** How much a line matters. */
export type Level = 'info' | 'warning' | 'error';

/** The table `[log]`. */
export interface LogSettings {
  readonly target: LogTarget;
  readonly format: 'plain' | 'json';
  /** Lines that matter less are left out. */
  readonly level: Level;
}

/** Reads the table `[log]`. @returns the settings, or what is wrong with them */
export function readLog({
  target = 'stderr',
  format = 'plain',
  level = 'info',
}: LogTable): LogSettings | Problem {
  const parsed = parseTarget(target);
  if (parsed !== undefined) return { target: parsed, format, level };
  return {
    where: 'log.target',
    message: 'expected "stderr", "syslog", "journal" or "file:/path/of/the/log"',
  };
}

function parseTarget(text: string): LogTarget | undefined {
  if (text === 'stderr' || text === 'syslog' || text === 'journal') return { kind: text };
  return text.startsWith('file:/') ? { kind: 'file', path: text.slice('file:'.length) } : undefined;
}
