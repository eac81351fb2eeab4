import { isUtf8 } from 'node:buffer';
import { LineDecoder } from './lines.js';
import { parseFields } from './native-fields.js';
import type { AnswerDetails, Codec, ControlReply, Protocol, Refusal } from './protocol.js';
import { MAX_REQUEST_BYTES, type Frame, type Request } from './request.js';
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
    return parseFields(command, id, isUtf8(frame) ? fields.map(unescapeTabs) : [], listener);
  }

  encode(id: number | undefined, refusal: Refusal | undefined, details?: AnswerDetails): Buffer {
    if (refusal === undefined) {
      return Buffer.from(`OK\t${id}${details === undefined ? '' : encodeDetails(details)}\n`);
    }
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

function encodeDetails({ version, users = [], next, revokedAt }: AnswerDetails): string {
  const parameters = [
    ['version', version],
    ...users.map((user) => ['user', user] as const),
    ['next', next],
    ['revoked_at', revokedAt && Math.ceil(revokedAt / 1000)],
  ] as const;
  return parameters
    .map(([name, value]) => (value === undefined ? '' : `\t${name}=${escapeTabs(String(value))}`))
    .join('');
}
