import { appendFileSync, writeSync } from 'node:fs';
import type { LogTarget } from '../config/configuration.js';
import { Syslog } from './syslog.js';

/** How much a line matters. */
export type Level = 'info' | 'warning' | 'error';

/** What a line says besides its message. Never a secret, a token or a password. */
export type Fields = Readonly<Record<string, string | number>>;

/** Writes lines somewhere. Never throws: a log that cannot be written must not keep anybody from an answer. */
export interface Log {
  write(level: Level, message: string, fields?: Fields): void;
  /** Lets go of what is behind the log. */
  close(): void;
}

const STDERR = 2;

/**
 * Opens a log.
 *
 * @param target where its lines go
 * @param clock milliseconds since the Unix epoch
 */
export function openLog(target: LogTarget, clock: () => number): Log {
  if (target.kind === 'syslog') return openSyslog();
  const path = target.kind === 'file' ? target.path : undefined;
  return {
    write: (level, message, fields = {}) => {
      const line = `${new Date(clock()).toISOString()} ${level} ${message}${formatFields(fields)}\n`;
      try {
        // Written at once and whole: a line is not lost when the process is killed after it.
        if (path === undefined) writeSync(STDERR, line);
        else appendFileSync(path, line, { mode: 0o640 });
      } catch {
        // A full disk or a closed stderr; the answers go on.
      }
    },
    close: () => undefined,
  };
}

function openSyslog(): Log {
  const syslog = new Syslog();
  return {
    write: (level, message, fields = {}) => {
      syslog.write(level, message + formatFields(fields));
    },
    close: () => {
      syslog.close();
    },
  };
}

/** Texts stand in quotes, so that a newline in a user's name cannot make up a line of its own. */
function formatFields(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${typeof value === 'number' ? value : JSON.stringify(value)}`)
    .join('');
}
