import { OTP_DIGITS } from '../token.js';
import type { NearMiss } from './near-miss.js';

/** A way to put together what is signed. */
export interface Layout {
  readonly message: string | Buffer;
  readonly mistake: NearMiss | undefined;
}

const SEPARATORS = [' ', ':', '|', ',', ';', '.', '-', '_', '/', '&', '+', '@', '\n', '\t', '\0'];

/** @returns what may have been signed, beginning with what should have been: the digits and the JID */
export function layoutsOf(digits: string, jid: string): Layout[] {
  const otp = digits.slice(0, OTP_DIGITS);
  const nonce = digits.slice(OTP_DIGITS);
  return [
    { message: digits + jid, mistake: undefined },
    ...SEPARATORS.flatMap((separator) =>
      [
        digits + separator + jid,
        otp + separator + nonce + separator + jid,
        otp + separator + nonce + jid,
      ].map((message) => separated(message, separator)),
    ),
    ...['', ...SEPARATORS].map((separator) => ordered(jid + separator + digits)),
    ...[otp + jid + nonce, nonce + otp + jid, nonce + jid + otp, jid + nonce + otp].map(ordered),
    ...[otp + jid, nonce + jid, otp, nonce].map((message) => ({ message, mistake: incomplete })),
    { message: Buffer.from(digits + jid, 'utf16le'), mistake: encoded },
    { message: Buffer.from(digits + jid, 'latin1'), mistake: encoded },
  ];
}

function separated(message: string, separator: string): Layout {
  const text = `${JSON.stringify(separator)} is signed between OTP, nonce and JID: nothing stands there`;
  return { message, mistake: { code: 'layout-separator', text } };
}

function ordered(message: string): Layout {
  return {
    message,
    mistake: {
      code: 'layout-order',
      text: 'OTP, nonce and JID are signed in another order: sign them in this one',
    },
  };
}

const incomplete = {
  code: 'layout-incomplete',
  text: 'only a part of OTP, nonce and JID is signed: sign all three',
};

const encoded = { code: 'layout-encoding', text: 'what is signed is not encoded in UTF-8: encode it so' };
