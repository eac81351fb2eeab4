const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);
const MIN_TOKEN_LENGTH = 16;

/**
 * Parses the address of an application that checks passwords.
 *
 * @throws {Error} with what was expected. The message contains no part of `text`, which can hold a password.
 */
export function parseBackendUrl(text: string): URL {
  // The parser drops these characters, so that another address is used than the one that people read.
  if (!/^[!-~]+$/.test(text)) throw new Error('expected a URL in ASCII without spaces');
  if (text.includes('\\')) throw new Error('expected a URL without a backslash');
  const url = parse(text);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new Error(
      'expected a URL that starts with https://, or with http:// for 127.0.0.1, [::1] or localhost',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error('expected a URL without user and password; set token_file instead');
  }
  if (text.includes('#')) throw new Error('expected a URL without a fragment (#)');
  if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname)) {
    throw new Error('expected https://, as http:// is allowed for 127.0.0.1, [::1] and localhost only');
  }
  return url;
}

/** Returns whether a text can be used as a bearer token: at least 16 visible ASCII characters. */
export function isBearerToken(text: string): boolean {
  return text.length >= MIN_TOKEN_LENGTH && /^[!-~]+$/.test(text);
}

/** Returns the URL for messages, without its query, which can hold a secret. */
export function nameOfUrl(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`;
}

function parse(text: string): URL | undefined {
  try {
    return /^https?:\/\//i.test(text) ? new URL(text) : undefined;
  } catch {
    return undefined;
  }
}
