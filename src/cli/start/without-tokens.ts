/** A token is 40 digits, a space and 44 characters of base64. Unless it is quoted, a shell makes two arguments of it. */
const COULD_BE_TOKEN = /^\d{6}|^.{85}$|^[A-Za-z0-9+/]{43}=?$/;

/**
 * Removes arguments that could be a token from a message about a command line, and the values of mistyped options.
 *
 * @param argv as in process.argv
 */
export function withoutTokens(message: string, argv: readonly string[]): string {
  return argv.slice(2).reduce((text, argument) => {
    const [, name = '', value = argument] = /^(--?[A-Za-z][\w-]{0,30}=|-+)(.*)$/s.exec(argument) ?? [];
    const shown = name.endsWith('=') ? text.replaceAll(argument, `${name}…`) : text;
    return COULD_BE_TOKEN.test(value) ? shown.replaceAll(value, '…') : shown;
  }, message);
}
