import { appendFileSync, writeSync } from 'node:fs';
import type { LogTarget } from '../config/configuration.js';

/** How much a line matters. */
export type Level = 'info' | 'warning' | 'error';

/** What a line says besides its message. Never a secret, a token or a password. */
export type Fields = Readonly<Record<string, string | number>>;

/** Writes one line. Never throws: a log that cannot be written must not keep anybody from an answer. */
export type Log = (level: Level, message: string, fields?: Fields) => void;

const STDERR = 2;

/**
 * Opens a log.
 *
 * @param target where its lines go
 * @param clock milliseconds since the Unix epoch
 */
export function openLog(target: LogTarget, clock: () => number): Log {
  const write = writerTo(target);
  return (level, message, fields = {}) => {
    try {
      write(`${new Date(clock()).toISOString()} ${level} ${message}${formatFields(fields)}\n`);
    } catch {
      // A full disk or a closed stderr; the answers go on.
    }
  };
}

// Written at once and whole: a line is not lost when the process is killed after it.
function writerTo(target: LogTarget): (line: string) => void {
  if (target.kind === 'stderr') return (line) => void writeSync(STDERR, line);
  return (line) => {
    appendFileSync(target.path, line, { mode: 0o640 });
  };
}

/** Texts stand in quotes, so that a newline in a user's name cannot make up a line of its own. */
function formatFields(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${typeof value === 'number' ? value : JSON.stringify(value)}`)
    .join('');
}
