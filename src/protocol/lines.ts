import { PartialFrame } from './protocol.js';
import type { Frame } from './request.js';

const LINE_FEED = 0x0a;

/** Splits a stream of bytes into lines. */
export class LineDecoder {
  readonly #partial = new PartialFrame();

  /** Whether the bytes so far end inside a line. */
  get isInLine(): boolean {
    return !this.#partial.isEmpty;
  }

  /** Decodes the next bytes of the stream. @returns the lines that they complete, without their line feeds */
  decode(chunk: Buffer): Frame[] {
    const lines: Frame[] = [];
    let from = 0;
    for (let to = chunk.indexOf(LINE_FEED); to >= 0; to = chunk.indexOf(LINE_FEED, from)) {
      lines.push(this.#partial.end(chunk.subarray(from, to)));
      from = to + 1;
    }
    if (from < chunk.length) this.#partial.append(chunk.subarray(from));
    return lines;
  }
}
