import { PartialFrame, type Codec, type Protocol, type Refusal } from './protocol.js';
import { parseRequest, type Frame, type Request } from './request.js';

const LENGTH_BYTES = 2;
const YES = Buffer.from([0, 2, 0, 1]);
const NO = Buffer.from([0, 2, 0, 0]);

/** The protocol of ejabberd and MongooseIM: a 2-byte big-endian length before each request and each answer. */
export const ejabberd: Protocol = { createCodec: () => new EjabberdCodec() };

class EjabberdCodec implements Codec {
  readonly protocol = 'ejabberd';
  readonly isOrdered = true;
  readonly #partial = new PartialFrame();
  #lengthBytes = 0;
  #length = 0;
  #missing = 0;

  get isInRequest(): boolean {
    return this.#lengthBytes > 0;
  }

  decode(chunk: Buffer): Frame[] {
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

  parse(frame: Frame, listener: string): Request {
    return parseRequest(frame, listener);
  }

  encode(_: number | undefined, refusal: Refusal | undefined): Buffer {
    return refusal === undefined ? YES : NO;
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
