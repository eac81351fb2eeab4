import { isUtf8 } from 'node:buffer';

/** Operations of the external protocols that xtokend refuses, as it has no accounts. The log names them. */
const UNSUPPORTED = ['setpass', 'tryregister', 'removeuser', 'removeuser3'] as const;

/** The operations of the external protocols of Prosody and ejabberd. */
export const OPERATIONS: readonly string[] = ['auth', 'isuser', ...UNSUPPORTED, 'certauth'];

/** Returns whether a text starts with an operation and its colon. */
export function startsWithOperation(text: string): boolean {
  return OPERATIONS.some((operation) => text.startsWith(`${operation}:`));
}

/** The operation of a request. It is one of a fixed set, whatever a client sends. */
export type Operation =
  'auth' | 'isuser' | 'recheck' | 'list' | (typeof UNSUPPORTED)[number] | 'unsupported' | 'malformed';

/** The user of a request and where it came in. Never contains a password. */
export interface RequestContext {
  readonly operation: Operation;
  /** The bare JID; `undefined` if the request names none, or none that can be relied on. */
  readonly jid?: string;
  readonly host?: string;
  /** The IP address of the chat client, if the server sends it. */
  readonly client?: string | undefined;
  /** Whether the server says that the connection of the chat client is encrypted; `undefined` if it doesn't. */
  readonly isSecured?: boolean | undefined;
  /** Where the request came in: `stdin`, `terminal`, or the path or name of a socket. */
  readonly listener: string;
}

interface Identified {
  /** Links the answer to the request, if the protocol has ids. */
  readonly id?: number;
}

/** What a request about one user consists of. User and host are well-formed, and normalized if the server follows the protocol. */
export type UserRequest = { readonly user: string; readonly host: string } & (
  { readonly operation: 'auth'; readonly password: string } | { readonly operation: 'isuser' }
);

interface Named extends Identified {
  readonly context: RequestContext & { readonly jid: string };
  readonly user: string;
  readonly host: string;
}

/** A login. */
export interface AuthRequest extends Named {
  readonly operation: 'auth';
  readonly password: string;
}

/** A query whether a user exists. */
export interface IsUserRequest extends Named {
  readonly operation: 'isuser';
}

interface AboutHost<O> extends Identified {
  readonly operation: O;
  readonly context: RequestContext & { readonly host: string };
  readonly host: string;
}

/** The question which users who are logged in must not stay. Only the native protocol has it. */
export interface RecheckRequest extends AboutHost<'recheck'> {
  readonly users: readonly string[];
}

/** The question who the users of a host are. Only the native protocol has it. */
export interface ListRequest extends AboutHost<'list'> {
  /** Where the page begins: `next` of the page before. */
  readonly after: string | undefined;
}

/** A request that is refused, whatever it contains. */
interface InvalidRequest<O> extends Identified {
  readonly operation: O;
  readonly context: RequestContext;
}

/** A request that cannot be understood. */
interface MalformedRequest extends InvalidRequest<'malformed'> {
  /** What is wrong with it, if the protocol tells. */
  readonly fault?: string;
}

/** One request: its context, and what its operation needs. */
export type Request =
  | AuthRequest
  | IsUserRequest
  | RecheckRequest
  | ListRequest
  | InvalidRequest<'unsupported'>
  | MalformedRequest;

/** The bytes of one request, as a framing finds them; `'oversized'` if there were too many to keep. */
export type Frame = Buffer | 'oversized';

/**
 * The longest request that is understood, in bytes. A user and a host have at most 1,023 bytes each
 * (RFC 6122, section 2.1), a token has 85; Prosody's module sends at most 1,000 in all.
 */
export const MAX_REQUEST_BYTES = 4096;

// Excludes what nodeprep forbids (RFC 6122, appendix A.5): controls, spaces, and characters that make `user@host` ambiguous.
const PART = /^[^\p{Cc}\p{Z}"&'/:<>@]+$/u;
const MAX_PART_BYTES = 1023;

/**
 * Parses one request, as Prosody and ejabberd write it: `operation:user:host[:password]`. Never throws.
 *
 * @param listener where it came in, for the context
 */
export function parseRequest(frame: Frame, listener: string): Request {
  if (frame === 'oversized' || !isUtf8(frame)) return malformedRequest(listener);
  const [operation, user, host, password] = splitFields(frame.toString('utf8'));
  if (!isPart(user) || !isPart(host)) return malformedRequest(listener);
  const names = { jid: `${user}@${host}`, host, listener };
  if (operation === 'auth' && password !== undefined) {
    return { operation, user, host, password, context: { operation, ...names } };
  }
  if (operation === 'isuser' && password === undefined) {
    return { operation, user, host, context: { operation, ...names } };
  }
  if (operation === 'auth' || operation === 'isuser') return malformedRequest(listener);
  const known = UNSUPPORTED.find((name) => name === operation);
  // Any field of an unknown operation can be a password, so the context contains none of them.
  const context = known ? { operation: known, ...names } : { operation: 'unsupported' as const, listener };
  return { operation: 'unsupported', context };
}

/** Returns a request as Prosody and ejabberd write it, without framing. */
export function formatRequest(request: UserRequest): string {
  const { operation, user, host } = request;
  return [operation, user, host, ...(operation === 'auth' ? [request.password] : [])].join(':');
}

const LABELS = ['auth', 'isuser', 'recheck', 'list', 'malformed'] as const;

/** Returns the metrics label of an operation. All unsupported operations share one. */
export function labelOf(operation: Operation): Request['operation'] {
  return LABELS.find((label) => label === operation) ?? 'unsupported';
}

/** Returns the request for bytes that cannot be parsed. */
export function malformedRequest(listener: string): Request {
  return { operation: 'malformed', context: { operation: 'malformed', listener } };
}

/** Splits at colons; only the last field, the password, can hold colons itself. */
function splitFields(text: string): (string | undefined)[] {
  const fields: string[] = [];
  let from = 0;
  for (let to = text.indexOf(':'); to >= 0 && fields.length < 3; to = text.indexOf(':', from)) {
    fields.push(text.slice(from, to));
    from = to + 1;
  }
  return [...fields, text.slice(from)];
}

/** Returns whether a text can be the user or the host of a JID. */
export function isPart(text: string | undefined): text is string {
  return text !== undefined && PART.test(text) && Buffer.byteLength(text) <= MAX_PART_BYTES;
}
