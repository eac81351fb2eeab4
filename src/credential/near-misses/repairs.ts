import type { NearMiss } from './near-miss.js';

/** A way to spoil a token on its way, and its reverse. */
interface Repair extends NearMiss {
  /** @returns the text without the damage; the same text, or `undefined`, if it doesn't have this damage */
  readonly undo: (text: string) => string | undefined;
}

const TOKEN_INSIDE = /(?<![0-9])[0-9]{40} [A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])/;
/** A signature in any of the spellings below. */
const SIGNATURE = /^(?:[A-Za-z0-9+/_ -]{42}[A-Za-z0-9+/_-]=?|[0-9a-f]{64})$/i;

/** In the order in which they are tried; each one that applies is undone before the next. */
export const repairs: readonly Repair[] = [
  {
    code: 'surrounding-space',
    text: 'white space or a newline around it: strip it',
    undo: (text) => text.trim(),
  },
  {
    code: 'percent-encoded',
    text: 'percent-encoding (%2B, %3D), as in a URL: decode it',
    undo: decodePercent,
  },
  {
    code: 'html-escaped',
    text: 'HTML character references (&#43;, &#x3D;): put it into the page without escaping it twice',
    undo: (text) => text.replace(/&#(x[0-9a-f]{1,4}|[0-9]{1,5});/gi, (_, code: string) => character(code)),
  },
  {
    code: 'json-escaped',
    text: String.raw`JSON's escapes (\/, \u003d): read it with a JSON parser`,
    undo: (text) =>
      text
        .replace(/\\u([0-9a-f]{4})/gi, (_, code: string) => character(`x${code}`))
        .replaceAll(String.raw`\/`, '/'),
  },
  {
    code: 'bytes-literal',
    text: "b'…' around it, as Python prints bytes: make a text of them with .decode()",
    undo: (text) => /^b(["'])(.*)\1$/s.exec(text)?.[2],
  },
  {
    code: 'quoted',
    text: 'quotes around it: leave them out',
    undo: (text) => /^["'`“”‘’„«»](.*)["'`“”‘’„«»]$/s.exec(text)?.[1],
  },
  {
    code: 'signature-bytes-literal',
    text: "b'…' around the signature, as Python prints bytes: make a text of them with .decode()",
    undo: (text) => text.replace(/^([0-9]+\s*)b(["'])(.*)\2$/s, '$1$3'),
  },
  {
    code: 'signature-quoted',
    text: 'quotes around the signature: leave them out',
    undo: (text) => text.replace(/^([0-9]+\s*)(["'])(.*)\2$/s, '$1$3'),
  },
  { code: 'json', text: 'JSON around it: send the token alone', undo: findInJson },
  {
    code: 'text-around',
    text: 'other text before or after it: send the token alone',
    undo: (text) => TOKEN_INSIDE.exec(text)?.[0],
  },
  {
    code: 'encoded-twice',
    text: 'base64 around the whole of it: only the signature is encoded',
    undo: (text) => decodeWhole(text),
  },
  {
    code: 'otp-separate',
    text: 'something between the OTP and the nonce: nothing stands there',
    undo: (text) => text.replace(/^([0-9]{6,8})[^0-9A-Za-z]([0-9]{20,})(?![0-9])/, '$1$2'),
  },
  {
    code: 'space-as-plus',
    text: '"+" in the place of the space, as encoding a form or a URL makes it: decode it',
    undo: (text) => text.replace(/^([0-9]{40})\+(?=.{44}$)/, '$1 '),
  },
  { code: 'missing-space', text: 'no space before the signature: put one there', undo: addSpace },
  {
    code: 'wrong-separator',
    text: 'no single space before the signature: put one there',
    undo: replaceSeparator,
  },
  {
    code: 'signature-line-break',
    text: 'a line break within the signature: have the base64 written in one line',
    undo: (text) => text.replace(/(?<=[A-Za-z0-9+/])\r?\n(?=[A-Za-z0-9+/=])/g, ''),
  },
  {
    code: 'plus-as-space',
    text: 'spaces where the signature has "+", as decoding a form or a URL makes them: percent-encode the token (%2B) when you put it there',
    undo: (text) => inSignature(text, (signature) => signature.replaceAll(' ', '+')),
  },
  {
    code: 'url-safe',
    text: 'URL-safe base64 ("-" and "_"): use the standard alphabet ("+" and "/")',
    undo: (text) => inSignature(text, (signature) => signature.replaceAll('-', '+').replaceAll('_', '/')),
  },
  {
    code: 'hex',
    text: 'the signature in hex: write the 32 bytes of the HMAC in base64',
    undo: (text) => inSignature(text, (signature) => recode(signature, /^[0-9a-f]{64}$/i, 'hex')),
  },
  {
    code: 'hex-in-base64',
    text: 'the base64 of a signature in hex: take the raw bytes of the HMAC, not its hex text',
    undo: (text) => inSignature(text, fromHexInBase64),
  },
  {
    code: 'unpadded',
    text: 'base64 without its padding: add the "=" at its end',
    undo: (text) => text.replace(/^([0-9]+ [A-Za-z0-9+/]{43})$/, '$1='),
  },
  {
    code: 'loose-bits',
    text: 'base64 whose last letter has bits that belong to nothing: the signature was changed, or encoded by a faulty encoder',
    undo: (text) => inSignature(text, (signature) => recode(signature, /^[A-Za-z0-9+/]{43}=$/, 'base64')),
  },
];

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
  const [digits, rest] = [text.slice(0, 40), text.slice(40)];
  const isMissing = /^[0-9]{40}$/.test(digits) && !rest.startsWith(' ') && SIGNATURE.test(rest);
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
