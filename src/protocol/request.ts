import { isUtf8 } from 'node:buffer';

/** What a server asks. User and host are well-formed and, by the protocol, already normalised. */
export type Request =
  | { readonly operation: 'auth'; readonly user: string; readonly host: string; readonly password: string }
  | { readonly operation: 'isuser'; readonly user: string; readonly host: string }
  /** An operation that a record-less authenticator cannot perform, such as `setpass`. */
  | { readonly operation: 'unsupported' }
  | { readonly operation: 'malformed' };

/** What a framing hands on for one request: its bytes, or word that there were too many to keep. */
export type Frame = Buffer | 'oversized';

/**
 * The longest request that is understood, in bytes. A user and a host have at most 1,023 bytes each
 * (RFC 6122, section 2.1), a token has 85; Prosody's module sends no more than 1,000 in all.
 */
export const MAX_REQUEST_BYTES = 4096;

const MALFORMED: Request = { operation: 'malformed' };
const UNSUPPORTED: Request = { operation: 'unsupported' };

// What nodeprep leaves out (RFC 6122, appendix A.5): controls, spaces, and what would let `user@host` read in two ways.
const PART = /^[^\p{Cc}\p{Z}"&'/:<>@]+$/u;
const MAX_PART_BYTES = 1023;

/** Parses one request, as Prosody and ejabberd write it: `op:user:host[:password]`. Never throws. */
export function parseRequest(frame: Frame): Request {
  if (frame === 'oversized' || !isUtf8(frame)) return MALFORMED;
  const [operation, user, host, password] = splitFields(frame.toString('utf8'));
  if (!isPart(user) || !isPart(host)) return MALFORMED;
  switch (operation) {
    case 'auth':
      return password === undefined ? MALFORMED : { operation, user, host, password };
    case 'isuser':
      return password === undefined ? { operation, user, host } : MALFORMED;
    default:
      return UNSUPPORTED;
  }
}

/** Only the last field, the password, may hold colons. */
function splitFields(text: string): (string | undefined)[] {
  const fields: string[] = [];
  let from = 0;
  for (let to = text.indexOf(':'); to >= 0 && fields.length < 3; to = text.indexOf(':', from)) {
    fields.push(text.slice(from, to));
    from = to + 1;
  }
  return [...fields, text.slice(from)];
}

function isPart(text: string | undefined): text is string {
  return text !== undefined && PART.test(text) && Buffer.byteLength(text) <= MAX_PART_BYTES;
}
