import { MAX_REQUEST_BYTES, type Frame } from './request.js';

/** The bytes of a request that has not come whole yet. Holds no more than the longest request that is understood. */
export class PartialFrame {
  #bytes = Buffer.alloc(0);
  #oversized = false;

  /** Whether nothing of a request has come yet. */
  get isEmpty(): boolean {
    return this.#bytes.length === 0 && !this.#oversized;
  }

  /** Adds bytes; they are copied, so that the chunk that they came in can go. */
  append(bytes: Buffer): void {
    if (this.#bytes.length + bytes.length > MAX_REQUEST_BYTES) {
      this.#oversized = true;
      this.#bytes = Buffer.alloc(0);
    }
    if (!this.#oversized) this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  /** @returns the request whose last bytes these are, and starts on the next; it can be a part of the chunk that they came in */
  end(bytes: Buffer): Frame {
    // As most requests come whole, most are not copied.
    if (this.isEmpty && bytes.length <= MAX_REQUEST_BYTES) return bytes;
    this.append(bytes);
    return this.take();
  }

  /** @returns the whole request, and starts on the next */
  take(): Frame {
    const frame = this.#oversized ? 'oversized' : this.#bytes;
    this.#bytes = Buffer.alloc(0);
    this.#oversized = false;
    return frame;
  }
}
