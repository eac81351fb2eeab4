import { PartialFrame, type FrameDecoder, type Framing } from './framing.js';
import type { Frame } from './request.js';

const LENGTH_BYTES = 2;

/** The framing of ejabberd and MongooseIM: a 2-byte big-endian length before each request and each answer. */
export const packets: Framing = {
  name: 'ejabberd',
  end: 'expected as many bytes as its length says',
  createDecoder: () => new PacketDecoder(),
  answers: { yes: Buffer.from([0, 2, 0, 1]), no: Buffer.from([0, 2, 0, 0]) },
};

class PacketDecoder implements FrameDecoder {
  readonly #partial = new PartialFrame();
  #lengthBytes = 0;
  #length = 0;
  #missing = 0;

  get isInRequest(): boolean {
    return this.#lengthBytes > 0;
  }

  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      rest = this.#lengthBytes < LENGTH_BYTES ? this.#readLength(rest) : this.#readBody(rest);
      if (this.#lengthBytes === LENGTH_BYTES && this.#missing === 0) {
        frames.push(this.#partial.take());
        this.#lengthBytes = 0;
      }
    }
    return frames;
  }

  #readLength(bytes: Buffer): Buffer {
    this.#length = ((this.#length << 8) | (bytes[0] ?? 0)) & 0xffff;
    this.#lengthBytes += 1;
    if (this.#lengthBytes === LENGTH_BYTES) this.#missing = this.#length;
    return bytes.subarray(1);
  }

  #readBody(bytes: Buffer): Buffer {
    const body = bytes.subarray(0, this.#missing);
    this.#partial.append(body);
    this.#missing -= body.length;
    return bytes.subarray(body.length);
  }
}
