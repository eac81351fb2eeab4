import { MAX_REQUEST_BYTES, type Frame, type Request } from './request.js';

/** The names of the protocols, as in `--protocol`. */
export type ProtocolName = 'generic' | 'ejabberd' | 'native';

/** One way to write requests and answers as bytes. */
export interface Protocol {
  /** Creates the codec of one connection. */
  createCodec(): Codec;
}

/** Decodes the requests of one connection, and encodes their answers. */
export interface Codec {
  /** The protocol of the connection; `undefined` until it is detected. */
  readonly protocol: ProtocolName | undefined;
  /** Whether the order of the answers links them to the requests; otherwise an id does. */
  readonly isOrdered: boolean;
  /** Whether the bytes so far end inside a request. */
  readonly isInRequest: boolean;
  /**
   * Decodes the next bytes of the stream. Keeps at most MAX_REQUEST_BYTES of an unfinished request.
   *
   * @param chunk split anywhere; not kept
   * @returns the requests that it completes, in order; valid until the chunk is overwritten
   */
  decode(chunk: Buffer): Frame[];
  /**
   * Parses one request, or a line of the protocol itself. Never throws.
   *
   * @param listener where it came in, for the context
   */
  parse(frame: Frame, listener: string): Request | ControlReply;
  /**
   * Encodes one answer.
   *
   * @param id of the request, if the protocol has ids
   * @param refusal `undefined` to accept
   * @param details what an answer that accepts says beyond that, if the protocol can
   */
  encode(id: number | undefined, refusal: Refusal | undefined, details?: AnswerDetails): Buffer;
}

/** The reply to a line of the protocol itself, which is not a request. */
export interface ControlReply {
  readonly reply: Buffer;
  /** Why the line was not understood. The reply is then the last one, after the answers to all earlier requests. */
  readonly fault?: string;
}

/** What a client should make of a refusal, beyond that it is one: parameters of `FAIL` in the native protocol. */
export type FailureKind = 'temp' | 'expired' | 'user_disabled';

/** What an answer that accepts can say beyond that: parameters of `OK` in the native protocol. */
export interface AnswerDetails {
  /** Differs whenever the answer to a recheck could differ. */
  readonly version?: string;
  readonly users?: readonly string[];
  /** Where the next page begins. */
  readonly next?: string | undefined;
  /** When the user was revoked, in milliseconds since the Unix epoch, if that was undone later. */
  readonly revokedAt?: number | undefined;
}

/** A refusal. The generic and the ejabberd protocol have one answer for all of them. */
export interface Refusal {
  readonly reason: string;
  readonly kind: FailureKind | undefined;
}

/** Collects the bytes of an unfinished request, up to MAX_REQUEST_BYTES. */
export class PartialFrame {
  #bytes = Buffer.alloc(0);
  #oversized = false;

  get isEmpty(): boolean {
    return this.#bytes.length === 0 && !this.#oversized;
  }

  /** Appends a copy of some bytes. */
  append(bytes: Buffer): void {
    if (this.#bytes.length + bytes.length > MAX_REQUEST_BYTES) {
      this.#oversized = true;
      this.#bytes = Buffer.alloc(0);
    }
    if (!this.#oversized) this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  /** Appends the last bytes of a request. @returns the request, which can be a part of the same chunk */
  end(bytes: Buffer): Frame {
    // Most requests arrive whole, so most are not copied.
    if (this.isEmpty && bytes.length <= MAX_REQUEST_BYTES) return bytes;
    this.append(bytes);
    return this.take();
  }

  /** Returns the finished request, and starts the next. */
  take(): Frame {
    const frame = this.#oversized ? 'oversized' : this.#bytes;
    this.#bytes = Buffer.alloc(0);
    this.#oversized = false;
    return frame;
  }
}
