import { PartialFrame, type FrameDecoder, type Framing } from './framing.js';
import type { Frame } from './request.js';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The framing of Prosody's external module (`generic`): each request is a line, each answer a line with `1` or `0`. */
export const lines: Framing = {
  name: 'generic',
  end: 'expected a line feed after it',
  createDecoder: () => new LineDecoder(),
  answers: { yes: Buffer.from('1\n'), no: Buffer.from('0\n') },
};

class LineDecoder implements FrameDecoder {
  readonly #partial = new PartialFrame();

  get isInRequest(): boolean {
    return !this.#partial.isEmpty;
  }

  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let from = 0;
    for (let to = chunk.indexOf(LINE_FEED); to >= 0; to = chunk.indexOf(LINE_FEED, from)) {
      frames.push(withoutCarriageReturn(this.#partial.end(chunk.subarray(from, to))));
      from = to + 1;
    }
    this.#partial.append(chunk.subarray(from));
    return frames;
  }
}

function withoutCarriageReturn(frame: Frame): Frame {
  return frame !== 'oversized' && frame.at(-1) === CARRIAGE_RETURN ? frame.subarray(0, -1) : frame;
}
