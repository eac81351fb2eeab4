import { TOKEN_DIGITS } from '../token.js';

/** What was found, and a function that removes it. The function returns the same text, or `undefined`, if it does not apply. */
type Repair = readonly [found: string, undo: (text: string) => string | undefined];

const DIGITS = `[0-9]{${TOKEN_DIGITS}}`;
const TOKEN_INSIDE = new RegExp(`(?<![0-9])${DIGITS} [A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])`);
/** A signature in any of the spellings below. */
const SIGNATURE = /^(?:[A-Za-z0-9+/_ -]{42}[A-Za-z0-9+/_-]=?|[0-9a-f]{64})$/i;

/** How tokens get damaged in transit, by code. The repairs are tried in this order, each on the result of the one before. */
export const repairs: Readonly<Record<string, Repair>> = {
  'surrounding-space': ['white space or a newline around it: remove it', (text) => text.trim()],
  'percent-encoded': ['percent-encoding (%2B, %3D), as in a URL: decode it', decodePercent],
  'html-escaped': [
    'HTML character references (&#43;, &#x3D;): do not escape it twice',
    (text) => text.replace(/&#(x[0-9a-f]{1,4}|[0-9]{1,5});/gi, (_, code: string) => character(code)),
  ],
  'json-escaped': [
    String.raw`escapes of JSON (\/, \u003d): read it with a JSON parser`,
    (text) =>
      text
        .replace(/\\u([0-9a-f]{4})/gi, (_, code: string) => character(`x${code}`))
        .replaceAll(String.raw`\/`, '/'),
  ],
  'bytes-literal': [
    "b'…' around it, as Python prints bytes: convert them to a string with .decode()",
    (text) => /^b(["'])(.*)\1$/s.exec(text)?.[2],
  ],
  quoted: ['quotes around it: leave them out', (text) => /^["'`“”‘’„«»](.*)["'`“”‘’„«»]$/s.exec(text)?.[1]],
  'signature-bytes-literal': [
    "b'…' around the signature, as Python prints bytes: convert them to a string with .decode()",
    (text) => text.replace(/^([0-9]+\s*)b(["'])(.*)\2$/s, '$1$3'),
  ],
  'signature-quoted': [
    'quotes around the signature: leave them out',
    (text) => text.replace(/^([0-9]+\s*)(["'])(.*)\2$/s, '$1$3'),
  ],
  json: ['JSON around it: send the token alone', findInJson],
  'text-around': [
    'other text before or after it: send the token alone',
    (text) => TOKEN_INSIDE.exec(text)?.[0],
  ],
  'encoded-twice': ['base64 around all of it: encode only the signature', decodeWhole],
  'otp-separate': [
    'a separator between the OTP and the nonce: leave it out',
    (text) => text.replace(/^([0-9]{6,8})[^0-9A-Za-z]([0-9]{20,})(?![0-9])/, '$1$2'),
  ],
  'space-as-plus': [
    '"+" instead of the space, as in an encoded form or URL: decode it',
    (text) => text.replace(new RegExp(String.raw`^(${DIGITS})\+(?=.{44}$)`), '$1 '),
  ],
  'missing-space': ['no space before the signature: add one', addSpace],
  'wrong-separator': ['no single space before the signature: use one space', replaceSeparator],
  'signature-line-break': [
    'a line break in the signature: encode the base64 without line breaks',
    (text) => text.replace(/(?<=[A-Za-z0-9+/])\r?\n(?=[A-Za-z0-9+/=])/g, ''),
  ],
  'plus-as-space': [
    'spaces instead of "+" in the signature, as in a decoded form or URL: percent-encode the token (%2B) there',
    (text) => inSignature(text, (signature) => signature.replaceAll(' ', '+')),
  ],
  'url-safe': [
    'URL-safe base64 ("-" and "_"): use the standard alphabet ("+" and "/")',
    (text) => inSignature(text, (signature) => signature.replaceAll('-', '+').replaceAll('_', '/')),
  ],
  hex: [
    'the signature in hex: encode the 32 bytes of the HMAC in base64',
    (text) => inSignature(text, (signature) => recode(signature, /^[0-9a-f]{64}$/i, 'hex')),
  ],
  'hex-in-base64': [
    'the base64 of a signature in hex: encode the raw bytes of the HMAC instead of its hex text',
    (text) => inSignature(text, fromHexInBase64),
  ],
  unpadded: [
    'base64 without padding: add the "=" at the end',
    (text) => text.replace(/^([0-9]+ [A-Za-z0-9+/]{43})$/, '$1='),
  ],
  'loose-bits': [
    'base64 whose last letter is not canonical: the signature was changed, or the encoder is faulty',
    (text) => inSignature(text, (signature) => recode(signature, /^[A-Za-z0-9+/]{43}=$/, 'base64')),
  ],
};

function character(code: string): string {
  return String.fromCharCode(Number(code.replace(/^x/i, '0x')));
}

function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function findInJson(text: string): string | undefined {
  if (!/^[[{]/.test(text)) return undefined;
  let found: string | undefined;
  try {
    JSON.parse(text, (_, value: unknown) => {
      if (typeof value === 'string' && /^\S?[0-9]{30}/.test(value)) found ??= value;
      return value;
    });
  } catch {
    return undefined;
  }
  return found;
}

function decodeWhole(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/_-]{90,}={0,2}$/.test(text)) return undefined;
  const decoded = Buffer.from(text, 'base64').toString('latin1');
  return /[0-9]{30,} /.test(decoded) ? decoded : undefined;
}

function addSpace(text: string): string | undefined {
  const [digits, rest] = [text.slice(0, TOKEN_DIGITS), text.slice(TOKEN_DIGITS)];
  const isMissing = new RegExp(`^${DIGITS}$`).test(digits) && !rest.startsWith(' ') && SIGNATURE.test(rest);
  return isMissing ? `${digits} ${rest}` : undefined;
}

function replaceSeparator(text: string): string | undefined {
  const [, digits, rest = ''] = /^([0-9]{30,})(?! [A-Za-z0-9+/_-])([^0-9A-Za-z].*)$/s.exec(text) ?? [];
  const signature = [1, 2, 3].map((length) => rest.slice(length)).find((end) => SIGNATURE.test(end.trim()));
  return digits === undefined || signature === undefined ? undefined : `${digits} ${signature.trim()}`;
}

function inSignature(text: string, change: (signature: string) => string | undefined): string | undefined {
  const [, digits, signature = ''] = /^([0-9]+) ([^\r\n]+)$/.exec(text) ?? [];
  const changed = change(signature);
  return digits === undefined || changed === undefined ? undefined : `${digits} ${changed}`;
}

function recode(signature: string, pattern: RegExp, encoding: 'hex' | 'base64'): string | undefined {
  return pattern.test(signature) ? Buffer.from(signature, encoding).toString('base64') : undefined;
}

function fromHexInBase64(signature: string): string | undefined {
  if (!/^[A-Za-z0-9+/]{86}==$|^[A-Za-z0-9+/]{86}$/.test(signature)) return undefined;
  return recode(Buffer.from(signature, 'base64').toString('latin1'), /^[0-9a-f]{64}$/i, 'hex');
}
