import type { Level, LogSettings } from '../config/log.js';
import { inOneLine, quoted, quotedAsJson } from './escapes.js';

/** What a line says besides its message; what is `undefined` is left out. Never a secret, a token or a password. */
export type Fields = Readonly<Record<string, string | number | undefined>>;

/**
 * What stands before a line: `time` for a file; `level` for the journal, `<6>` as in sd-daemon(3); `facility` for syslog,
 * `<38>` as in RFC 5424, section 6.2.1. The last two take the time themselves.
 */
export type Heading = 'time' | 'level' | 'facility';

/** @returns one line with its line end */
export type LineFormat = (level: Level, message: string, fields: Fields, now: number) => string;

/** Syslog's severities. */
const SEVERITY: Readonly<Record<Level, number>> = { error: 3, warning: 4, info: 6 };

/** Security and authorization. */
const FACILITY = 4 * 8;

/** @returns the function that writes lines of a format, for a target that wants a heading */
export function createLineFormat(format: LogSettings['format'], heading: Heading): LineFormat {
  const timeOf = createTimeFormat();
  const prefixes = {
    error: prefixOf('error', heading),
    warning: prefixOf('warning', heading),
    info: prefixOf('info', heading),
  };
  if (format === 'json') {
    return (level, message, fields, now) =>
      `${prefixes[level]}{"time":"${timeOf(now)}","level":"${level}","message":${quotedAsJson(message)}${jsonFields(fields)}}\n`;
  }
  if (heading === 'time') {
    return (level, message, fields, now) =>
      `${timeOf(now)} ${level} ${inOneLine(message)}${plainFields(fields)}\n`;
  }
  return (level, message, fields) => `${prefixes[level]}${inOneLine(message)}${plainFields(fields)}\n`;
}

function prefixOf(level: Level, heading: Heading): string {
  if (heading === 'time') return '';
  return `<${SEVERITY[level] + (heading === 'facility' ? FACILITY : 0)}>`;
}

/** Many lines are of the same millisecond, and an ISO 8601 time costs as much as the rest of the line. */
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
    if (value !== undefined) text += ` ${name}=${typeof value === 'number' ? value : quoted(value)}`;
  }
  return text;
}

function jsonFields(fields: Fields): string {
  let text = '';
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) text += `,"${name}":${jsonValue(value)}`;
  }
  return text;
}

function jsonValue(value: string | number): string {
  if (typeof value === 'string') return quotedAsJson(value);
  return Number.isFinite(value) ? String(value) : 'null';
}
