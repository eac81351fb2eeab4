import { isIP } from 'node:net';
import { isPart, type Request } from './request.js';

/** How many bytes the names of one answer have, each with {@link NAME_OVERHEAD_BYTES}. The rest of the line is for other fields. */
export const MAX_NAMES_BYTES = 4000;
/** A tab and `user=`. */
const NAME_OVERHEAD_BYTES = 6;

const PARAMETERS: ReadonlySet<string> = new Set(['password', 'rip', 'secured', 'after']);

/**
 * Returns the request of a line in the native protocol. It is malformed if a field is missing, invalid or repeated.
 *
 * @param fields after the id, unescaped
 */
export function parseFields(
  command: string,
  id: number,
  fields: readonly string[],
  listener: string,
): Request {
  switch (command) {
    case 'AUTH':
    case 'USER':
      return parseUserRequest(command === 'AUTH', id, fields, listener);
    case 'RECHECK':
      return parseRecheck(id, fields, listener);
    case 'LIST':
      return parseList(id, fields, listener);
    default:
      return { operation: 'unsupported', id, context: { operation: 'unsupported', listener } };
  }
}

function parseUserRequest(
  isLogin: boolean,
  id: number,
  [user, host, ...rest]: readonly string[],
  listener: string,
): Request {
  const parameters = readParameters(rest);
  const address = parameters?.get('rip') ?? '';
  const client = isIP(address) > 0 ? address : undefined;
  const password = parameters?.get('password');
  if (parameters === undefined || !isPart(user) || !isPart(host) || (isLogin && password === undefined)) {
    const fault = isLogin
      ? 'AUTH: expected USER, HOST and password=, and each parameter only once, in UTF-8'
      : 'USER: expected USER and HOST, in UTF-8';
    return malformed(id, fault, listener, client);
  }
  const jid = `${user}@${host}`;
  if (password === undefined || !isLogin) {
    const context = { operation: 'isuser' as const, jid, host, client, listener };
    return { operation: 'isuser', id, user, host, context };
  }
  // A server that sends no address, as for a check of a password without a connection, can't tell.
  const isSecured = parameters.has('secured') || (client === undefined ? undefined : false);
  const context = { operation: 'auth' as const, jid, host, client, isSecured, listener };
  return { operation: 'auth', id, user, host, password, context };
}

function parseRecheck(id: number, [host, ...users]: readonly string[], listener: string): Request {
  if (!isPart(host) || sizeOf(users) > MAX_NAMES_BYTES) {
    return malformed(
      id,
      `RECHECK: expected HOST and names of at most ${MAX_NAMES_BYTES} bytes, in UTF-8`,
      listener,
    );
  }
  return { operation: 'recheck', id, host, users, context: { operation: 'recheck', host, listener } };
}

function parseList(id: number, [host, ...rest]: readonly string[], listener: string): Request {
  const parameters = readParameters(rest);
  if (!isPart(host) || parameters === undefined) {
    return malformed(id, 'LIST: expected HOST, and each parameter only once, in UTF-8', listener);
  }
  const after = parameters.get('after');
  return { operation: 'list', id, host, after, context: { operation: 'list', host, listener } };
}

function malformed(id: number, fault: string, listener: string, client?: string): Request {
  return { operation: 'malformed', id, fault, context: { operation: 'malformed', client, listener } };
}

/** Returns how many bytes some names have in an answer. Names of users contain nothing that is escaped. */
function sizeOf(names: readonly string[]): number {
  return names.reduce((sum, name) => sum + sizeOfName(name), 0);
}

/** Returns how many bytes a name has in an answer. */
export function sizeOfName(name: string): number {
  return Buffer.byteLength(name) + NAME_OVERHEAD_BYTES;
}

/** Returns the parameters that xtokend knows, or `undefined` if one is repeated. */
function readParameters(fields: readonly string[]): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  for (const field of fields) {
    const [name = ''] = field.split('=', 1);
    if (!PARAMETERS.has(name)) continue;
    if (parameters.has(name)) return undefined;
    parameters.set(name, field.slice(name.length + 1));
  }
  return parameters;
}
