import type { Level, LogSettings } from '../config/log.js';

/** The fields of a line; those that are `undefined` are left out. Never a secret, a token or a password. */
export type Fields = Readonly<Record<string, string | number | undefined>>;

/**
 * What a line starts with: `time` for a file; `level` for the journal, `<6>` as in sd-daemon(3); `facility` for syslog, `<38>` as in
 * RFC 5424, section 6.2.1. The journal and syslog add the time themselves.
 */
export type LinePrefix = 'time' | 'level' | 'facility';

/** Returns one line, with its line feed. */
export type LineFormat = (level: Level, message: string, fields: Fields, now: number) => string;

/** The severities of syslog. */
const SEVERITY: Readonly<Record<Level, number>> = { error: 3, warning: 4, info: 6 };

/** Security and authorization messages. */
const AUTH_FACILITY = 4 * 8;

/** Printable ASCII without a quote or a backslash, as most values are. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** Control and format characters, such as those that reverse the text direction, lone surrogates, and line separators. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Returns the function that formats the lines of a sink. */
export function createLineFormat(format: LogSettings['format'], prefix: LinePrefix): LineFormat {
  const timeOf = createTimeFormat();
  const facility = prefix === 'facility' ? AUTH_FACILITY : 0;
  const priorityOf = (level: Level): string => (prefix === 'time' ? '' : `<${SEVERITY[level] + facility}>`);
  if (format === 'json') {
    return (level, message, fields, now) =>
      `${priorityOf(level)}${toJson({ time: timeOf(now), level, message, ...fields })}\n`;
  }
  const startOf = prefix === 'time' ? (level: Level, now: number) => `${timeOf(now)} ${level} ` : priorityOf;
  return (level, message, fields, now) =>
    `${startOf(level, now)}${toSingleLine(message)}${plainFields(fields)}\n`;
}

/** Formats the time once for all lines of a millisecond, since that takes as long as the rest of the line. */
function createTimeFormat(): (now: number) => string {
  let last = Number.NaN;
  let text = '';
  return (now) => {
    if (now !== last) text = new Date(now).toISOString();
    last = now;
    return text;
  };
}

function plainFields(fields: Fields): string {
  let text = '';
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) text += ` ${name}=${typeof value === 'number' ? value : quote(value)}`;
  }
  return text;
}

function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : escapeUnsafe(JSON.stringify(text));
}

function toSingleLine(text: string): string {
  return PRINTABLE.test(text) ? text : escapeUnsafe(text.trimEnd().replaceAll(/\r?\n\s*/g, ' | '));
}

function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`);
}

function toJson(line: Fields): string {
  const json = JSON.stringify(line);
  if (PRINTABLE.test(json)) return json;
  // JSON has no \u{…}: a character beyond U+FFFF takes two escapes.
  return json.replace(UNSAFE, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}
