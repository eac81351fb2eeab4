import { isUtf8 } from 'node:buffer';
import { isIP } from 'node:net';
import { LineDecoder } from './lines.js';
import type { Codec, ControlReply, Protocol, Refusal } from './protocol.js';
import { isPart, MAX_REQUEST_BYTES, type Frame, type Request } from './request.js';
import { escapeTabs, unescapeTabs } from './tab-escape.js';

/** The start of the first line; no request of another protocol begins with it. */
export const NATIVE_START = 'VERSION\t';

const FIRST_LINE = /^VERSION\t1\t\d{1,9}(?:\t|$)/;
/** The first line of both sides. */
export const VERSION_LINE: Buffer = Buffer.from('VERSION\t1\t0\n');
const COMMAND = /^[A-Z]+$/;
const ID = /^[1-9]\d{0,14}$/;
/** A byte that must be escaped, or an escape that does not exist. */
// eslint-disable-next-line no-control-regex -- these bytes are a part of the protocol
const INVALID = /[\0\r]|\x01(?![01tnr])/;
const PARAMETERS: ReadonlySet<string> = new Set(['password', 'rip', 'secured']);

/** The protocol of Prosody's module mod_auth_xtoken, which docs/native-protocol.md specifies. */
export const native: Protocol = { createCodec: () => new NativeCodec() };

class NativeCodec implements Codec {
  readonly protocol = 'native';
  readonly isOrdered = false;
  readonly #lines = new LineDecoder();
  #hasVersion = false;
  #lastId = 0;

  get isInRequest(): boolean {
    return this.#lines.isInLine;
  }

  decode(chunk: Buffer): Frame[] {
    return this.#lines.decode(chunk);
  }

  parse(frame: Frame, listener: string): Request | ControlReply {
    if (frame === 'oversized') return errorReply(`the line is longer than ${MAX_REQUEST_BYTES} bytes`);
    const line = frame.toString();
    if (!this.#hasVersion) return this.#readVersion(line);
    if (INVALID.test(line))
      return errorReply('the line has an invalid escape, or a byte that must be escaped');
    const [command = '', idField = '', ...fields] = line.split('\t');
    if (command === 'VERSION') return errorReply('VERSION is allowed only as the first line');
    if (!COMMAND.test(command)) return errorReply('expected a command in capital letters, such as AUTH');
    const id = ID.test(idField) ? Number(idField) : 0;
    if (id <= this.#lastId)
      return errorReply('expected an id of 1 to 15 digits, larger than the previous one');
    this.#lastId = id;
    if (command !== 'AUTH' && command !== 'USER') {
      return { operation: 'unsupported', id, context: { operation: 'unsupported', listener } };
    }
    return parseFields(command === 'AUTH', id, isUtf8(frame) ? fields.map(unescapeTabs) : [], listener);
  }

  encode(id: number | undefined, refusal: Refusal | undefined): Buffer {
    if (refusal === undefined) return Buffer.from(`OK\t${id}\n`);
    const kind = refusal.kind === undefined ? '' : `\t${refusal.kind}`;
    return Buffer.from(`FAIL\t${id}\treason=${refusal.reason}${kind}\n`);
  }

  #readVersion(line: string): ControlReply {
    if (!FIRST_LINE.test(line))
      return errorReply('expected VERSION and the major version 1 as the first line');
    this.#hasVersion = true;
    return { reply: VERSION_LINE };
  }
}

function errorReply(fault: string): ControlReply {
  return { reply: Buffer.from(`ERROR\t${escapeTabs(fault)}\n`), fault };
}

/** Returns a login, or the query for a user. It is malformed if a field is missing, invalid or repeated. */
function parseFields(isLogin: boolean, id: number, fields: readonly string[], listener: string): Request {
  const [user, host, ...rest] = fields;
  const parameters = readParameters(rest);
  const address = parameters?.get('rip') ?? '';
  const client = isIP(address) > 0 ? address : undefined;
  const password = parameters?.get('password');
  if (parameters === undefined || !isPart(user) || !isPart(host) || (isLogin && password === undefined)) {
    const fault = isLogin
      ? 'AUTH: expected USER, HOST and password=, and each parameter only once, in UTF-8'
      : 'USER: expected USER and HOST, in UTF-8';
    return { operation: 'malformed', id, fault, context: { operation: 'malformed', client, listener } };
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
