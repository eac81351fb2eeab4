import { formatRequest, type UserRequest } from '../../protocol/request.js';

/** An answer as far as it has been received; `'invalid'` if it can't become one any more. */
export type Answer = boolean | 'incomplete' | 'invalid';

/** How requests to a program, and its answers, are written as bytes. */
export interface Framing {
  /** Encodes a request. Returns `undefined` if the protocol can't carry it. */
  encode(request: UserRequest): Buffer | undefined;
  /** Decodes all bytes since a request. One byte more than an answer is `'invalid'`. */
  decode(bytes: Buffer): Answer;
}

/** No answer is longer, in bytes. */
export const MAX_ANSWER_BYTES = 4;

/** Prosody's module sends no longer requests, so a program may cut a longer line into two requests. */
const MAX_LINE_BYTES = 1000;
const MAX_FRAME_BYTES = 0xffff;
const LENGTH_BYTES = 2;
/**
 * A program may end a line at any line break of Unicode, as Java's `Scanner` does, or at other control characters. It would then answer
 * twice, and the answer to what follows could come first.
 */
const LINE_BREAK = /(?!\t)[\p{Cc}\p{Zl}\p{Zp}]/u;

const generic: Framing = {
  encode(request) {
    const line = format(request);
    if (line === undefined || LINE_BREAK.test(line)) return undefined;
    return Buffer.byteLength(line) < MAX_LINE_BYTES ? Buffer.from(`${line}\n`) : undefined;
  },
  decode: (bytes) => decodeAs(bytes, { yes: ['1\n', '1\r\n'], no: ['0\n', '0\r\n'] }),
};

const ejabberd: Framing = {
  encode(request) {
    const text = format(request);
    if (text === undefined) return undefined;
    const body = Buffer.from(text);
    if (body.length > MAX_FRAME_BYTES) return undefined;
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16BE(body.length);
    return Buffer.concat([length, body]);
  },
  decode: (bytes) => decodeAs(bytes, { yes: ['\0\x02\0\x01'], no: ['\0\x02\0\0'] }),
};

/** The framings, by the name of their protocol. */
export const framings: Readonly<Record<'generic' | 'ejabberd', Framing>> = { generic, ejabberd };

/** Returns `undefined` if a colon in a name would shift the fields. */
function format(request: UserRequest): string | undefined {
  return request.user.includes(':') || request.host.includes(':') ? undefined : formatRequest(request);
}

function decodeAs(bytes: Buffer, { yes, no }: Readonly<Record<'yes' | 'no', readonly string[]>>): Answer {
  const text = bytes.toString('latin1');
  if (yes.includes(text)) return true;
  if (no.includes(text)) return false;
  return [...yes, ...no].some((answer) => answer.startsWith(text)) ? 'incomplete' : 'invalid';
}
