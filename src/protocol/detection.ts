import { ejabberd } from './ejabberd.js';
import { generic } from './generic.js';
import { native, NATIVE_START } from './native.js';
import type { AnswerDetails, Codec, ControlReply, Protocol, ProtocolName, Refusal } from './protocol.js';
import { OPERATIONS, startsWithOperation, type Frame, type Request } from './request.js';

/** The high byte of the longest request of ejabberd that is worth reading. It is below every character of a text request. */
const MAX_LENGTH_BYTE = 0x10;
const LENGTH_BYTES = 2;

const detectable: Readonly<Record<ProtocolName, Protocol>> = { generic, ejabberd, native };

/** The values of `--protocol`. */
export type ProtocolOption = 'auto' | ProtocolName;

/** The protocols; `auto` detects the one of each connection by its first bytes. */
export const protocols: Readonly<Record<ProtocolOption, Protocol>> = {
  auto: { createCodec: () => new DetectingCodec() },
  ...detectable,
};

/**
 * Detects the protocol of a stream.
 *
 * @param start the first bytes, however many have arrived
 * @returns `undefined` if more bytes are needed, which is at most after 13
 */
export function detectProtocol(start: Buffer): ProtocolName | undefined {
  const [first] = start;
  if (first === undefined) return undefined;
  if (first <= MAX_LENGTH_BYTE) return 'ejabberd';
  const text = start.toString('latin1');
  const body = text.slice(LENGTH_BYTES);
  // A client can make ejabberd send a request so long that its length looks like text.
  if (startsWithOperation(body)) return 'ejabberd';
  if (text.startsWith(NATIVE_START)) return 'native';
  const needsMore =
    NATIVE_START.startsWith(text) || OPERATIONS.some((operation) => `${operation}:`.startsWith(body));
  return needsMore ? undefined : 'generic';
}

class DetectingCodec implements Codec {
  #codec: Codec | undefined;
  #start = Buffer.alloc(0);

  get protocol(): ProtocolName | undefined {
    return this.#codec?.protocol;
  }

  get isOrdered(): boolean {
    return this.#detected.isOrdered;
  }

  get isInRequest(): boolean {
    return this.#codec?.isInRequest ?? this.#start.length > 0;
  }

  decode(chunk: Buffer): Frame[] {
    if (this.#codec !== undefined) return this.#codec.decode(chunk);
    // Most connections start with a whole request, which is not copied.
    const start = this.#start.length === 0 ? chunk : Buffer.concat([this.#start, chunk]);
    const name = detectProtocol(start);
    if (name === undefined) {
      this.#start = Buffer.from(start);
      return [];
    }
    this.#codec = detectable[name].createCodec();
    return this.#codec.decode(start);
  }

  parse(frame: Frame, listener: string): Request | ControlReply {
    return this.#detected.parse(frame, listener);
  }

  encode(id: number | undefined, refusal: Refusal | undefined, details?: AnswerDetails): Buffer {
    return this.#detected.encode(id, refusal, details);
  }

  /** Frames exist only after the detection. */
  get #detected(): Codec {
    if (this.#codec === undefined) throw new Error('expected the protocol to be detected');
    return this.#codec;
  }
}
