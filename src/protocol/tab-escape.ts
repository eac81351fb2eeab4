/* eslint-disable no-control-regex -- the escapes are made of control characters */

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\x010',
  '\x01': '\x011',
  '\t': '\x01t',
  '\n': '\x01n',
  '\r': '\x01r',
};
const BYTES: Readonly<Record<string, string>> = { 0: '\0', 1: '\x01', t: '\t', n: '\n', r: '\r' };

/** Escapes a field of a line, as Dovecot does: a tab or a line feed in it would end the field or the line. */
export function escapeTabs(field: string): string {
  return field.replace(/[\0\x01\t\n\r]/g, (byte) => ESCAPES[byte] ?? byte);
}

/** Returns the field that {@link escapeTabs} has escaped. Leaves unknown escapes as they are. */
export function unescapeTabs(field: string): string {
  return field.includes('\x01')
    ? field.replace(/\x01([01tnr])/g, (_, name: string) => BYTES[name] ?? '')
    : field;
}
