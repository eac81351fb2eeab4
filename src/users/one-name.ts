/** Characters that may separate names, and what they are called. */
const SEPARATORS: readonly (readonly [RegExp, string])[] = [
  [/,/, 'a comma'],
  [/;/, 'a semicolon'],
  [/\s/, 'white space'],
];

/**
 * Rejects a line that can only be several names, a pattern, or text in another encoding. As one name, it would silently allow, or
 * block, nobody.
 *
 * @param name a line without its comment
 * @throws {Error} whose message says what was expected
 */
export function assertOneName(name: string): void {
  if (name.includes('\0')) throw new Error('found a NUL character; save the file as UTF-8, not UTF-16');
  if (/^\*(?:@|$)/.test(name)) throw new Error('expected a name, found "*"; lists have no wildcards');
  // A user can be called "a,b"; a JID is unambiguous.
  const [, domain] = /@(.*)$/s.exec(name) ?? [];
  const separator = SEPARATORS.find(([sign]) => sign.test(domain ?? name))?.[1];
  if (separator === undefined) return;
  const hint = domain === undefined ? `; if one name holds it, write it as a JID: ${name}@example.com` : '';
  const isPossible = !/\s/.test(name);
  throw new Error(`expected one name per line, found ${separator}${isPossible ? hint : ''}`);
}
