/** Texts of printable ASCII without a quote or a backslash stand for themselves; nearly all do. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

// Controls, format characters such as those that turn the direction of writing, halves of surrogate pairs, and line ends.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** @returns a text in quotes, without anything that a terminal would act on, and without a line end */
export function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : escaped(JSON.stringify(text));
}

/** @returns a text in quotes as {@link quoted} gives it, but such that every JSON parser reads it back */
export function quotedAsJson(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, index) => jsonEscape(character.charCodeAt(index))).join(''),
  );
}

/** @returns a text without quotes, in one line: one event, one line, whatever its message was made of */
export function inOneLine(text: string): string {
  return PRINTABLE.test(text) ? text : escaped(text.trimEnd().replaceAll(/\r?\n\s*/g, ' | '));
}

function escaped(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`);
}

function jsonEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
