import type { Level, LogSettings } from '../config/log.js';
import { append } from './append.js';
import { openStderr } from './stderr.js';
import { Syslog } from './syslog.js';

export type { Level } from '../config/log.js';

/** What a line says besides its message. Never a secret, a token or a password. */
export type Fields = Readonly<Record<string, string | number>>;

/** Writes lines somewhere. Never throws: a log that cannot be written must not keep anybody from an answer. */
export interface Log {
  write(level: Level, message: string, fields?: Fields): void;
  /** Lets go of what is behind the log. */
  close(): void;
}

/**
 * Opens a log.
 *
 * @param target where its lines go
 * @param clock milliseconds since the Unix epoch
 * @param fallback is told, once, that a file cannot be written, and that it can be again
 */
export function openLog({ target }: LogSettings, clock: () => number, fallback?: Log): Log {
  if (target.kind === 'syslog' || target.kind === 'journal') return openSyslog();
  const write = openWriter(target);
  const path = target.kind === 'file' ? target.path : 'stderr';
  let lost = 0;
  return {
    write: (level, message, fields = {}) => {
      try {
        write(`${new Date(clock()).toISOString()} ${level} ${message}${formatFields(fields)}\n`);
        if (lost > 0) fallback?.write('warning', 'the log can be written again', { path, lost });
        lost = 0;
      } catch (error) {
        // A full disk, a folder that is gone, a reader that does not read; the answers go on.
        if (lost === 0) fallback?.write('error', 'the log cannot be written', { path, cause: String(error) });
        lost += 1;
      }
    },
    close: () => undefined,
  };
}

function openWriter(target: LogSettings['target']): (line: string) => void {
  if (target.kind !== 'file') return openStderr();
  return (line) => {
    append(target.path, line);
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

/** Texts stand in quotes, and what a terminal would act on is escaped: a user's name cannot make up a line of its own. */
function formatFields(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${typeof value === 'number' ? value : quote(value)}`)
    .join('');
}

function quote(text: string): string {
  const escape = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`;
  return JSON.stringify(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escape);
}
