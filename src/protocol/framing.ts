import { MAX_REQUEST_BYTES, type Frame } from './request.js';

/** One way to write requests and answers as bytes. */
export interface Framing {
  readonly name: 'generic' | 'ejabberd';
  /** How a request ends, for messages. */
  readonly end: string;
  /** Creates a decoder for one stream of requests. */
  createDecoder(): FrameDecoder;
  /** The bytes that answer one request. */
  readonly answers: { readonly yes: Buffer; readonly no: Buffer };
}

/** Splits a stream of bytes into requests. Keeps at most MAX_REQUEST_BYTES of an unfinished one. */
export interface FrameDecoder {
  /**
   * Decodes the next bytes of the stream.
   *
   * @param chunk split anywhere; not kept
   * @returns the requests that it completes, in order; valid until the chunk is overwritten
   */
  push(chunk: Buffer): Frame[];
  /** Whether the bytes so far end inside a request. */
  readonly isInRequest: boolean;
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
