import { LineDecoder } from './lines.js';
import type { Codec, Protocol, Refusal } from './protocol.js';
import { parseRequest, type Frame, type Request } from './request.js';

const CARRIAGE_RETURN = 0x0d;
/** The answer that accepts. */
export const YES: Buffer = Buffer.from('1\n');
/** The answer that refuses. */
export const NO: Buffer = Buffer.from('0\n');

/** The protocol of Prosody's external module: each request is a line, each answer a line with `1` or `0`. */
export const generic: Protocol = { createCodec: () => new GenericCodec() };

class GenericCodec implements Codec {
  readonly protocol = 'generic';
  readonly isOrdered = true;
  readonly #lines = new LineDecoder();

  get isInRequest(): boolean {
    return this.#lines.isInLine;
  }

  decode(chunk: Buffer): Frame[] {
    return this.#lines.decode(chunk);
  }

  parse(frame: Frame, listener: string): Request {
    const endsInReturn = frame !== 'oversized' && frame.at(-1) === CARRIAGE_RETURN;
    return parseRequest(endsInReturn ? frame.subarray(0, -1) : frame, listener);
  }

  encode(_: number | undefined, refusal: Refusal | undefined): Buffer {
    return refusal === undefined ? YES : NO;
  }
}
