/** Far more than a cluster's table of slots, the longest that is ever asked for. */
const MAX_VALUE_BYTES = 2 ** 20;
const MAX_DEPTH = 8;
const MAX_LINE_BYTES = 2 ** 16;
const MAX_DIGITS = 7;

const SLOTS = 16_384;
const MAX_PORT = 65_535;
const REDIRECTION = /^(?:MOVED|ASK) (\d{1,5}) [\w.:%?-]{1,255}:(\d{1,5})$/;

const NOTHING = Buffer.alloc(0);
const [LINE_FEED, CARRIAGE_RETURN, MINUS, ZERO, NINE] = [0x0a, 0x0d, 0x2d, 0x30, 0x39];
const [STRING, ARRAY, NUMBER, TEXT, ERROR] = [0x24, 0x2a, 0x3a, 0x2b, 0x2d];
const TYPES: readonly unknown[] = [STRING, ARRAY, NUMBER, TEXT, ERROR];

/**
 * Counts the values of Redis' protocol (RESP 2) that have come by: commands one way, replies the other. It holds next to nothing of
 * them, whatever comes in whichever pieces.
 */
export class ReplyCounter {
  #count = 0;
  /** What is still to come of the arrays that are open, the innermost last. */
  readonly #open: number[] = [];
  /** What is still to come of a string, with the line's end after it. */
  #skip = 0;
  /** The beginning of a line. */
  #rest: Buffer = NOTHING;
  #bytes = 0;

  /** How many values came to their end. */
  get count(): number {
    return this.#count;
  }

  /** How many values have begun: ioredis passes a text on before its line's end has come. */
  get begun(): number {
    return this.#open.length > 0 || this.#skip > 0 ? this.#count + 1 : this.#count;
  }

  /**
   * @returns what was read: not a line without its end, which comes with the next piece. ioredis takes some replies for complete
   *   before the line ends.
   * @throws where it is not the protocol, or a value without measure
   */
  read(chunk: Buffer): Buffer {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    let taken = -1;
    while (at < bytes.length && taken !== 0) {
      taken = this.#skip > 0 ? this.#readString(bytes.length - at) : this.#readLine(bytes, at);
      at += taken;
    }
    this.#rest = bytes.subarray(at);
    return bytes.subarray(0, at);
  }

  #readString(available: number): number {
    const taken = Math.min(this.#skip, available);
    this.#skip -= taken;
    if (this.#skip === 0) this.#end();
    return taken;
  }

  #readLine(bytes: Buffer, at: number): number {
    const newline = bytes.indexOf(LINE_FEED, at);
    const end = newline === -1 ? bytes.length : newline + 1;
    if (end - at > MAX_LINE_BYTES) throw new Error('expected a reply of Redis, found an endless line');
    if (newline === -1) return 0;
    this.#begin(bytes, at, end);
    return end - at;
  }

  /** Each claim has a score of lines: they are not made texts of. */
  #begin(bytes: Buffer, start: number, end: number): void {
    const type = bytes[start];
    const size = type === STRING || type === ARRAY ? lengthIn(bytes, start + 1, end - 2) : -1;
    // Another carriage return would be taken for the line's end.
    if (bytes.indexOf(CARRIAGE_RETURN, start) !== end - 2 || size === undefined || !TYPES.includes(type)) {
      throw new Error('expected a reply of Redis, found something else');
    }
    if (type === ERROR && !isErrorGood(bytes.toString('latin1', start + 1, end - 2))) {
      throw new Error('expected a reply of Redis, found a redirection to nowhere');
    }
    this.#grow(end - start + Math.max(size, 0));
    if (size < 0 || (type === ARRAY && size === 0)) this.#end();
    else if (type === STRING) this.#skip = size + 2;
    else if (this.#open.push(size) > MAX_DEPTH) {
      throw new Error('expected a reply of Redis, found one in too many layers');
    }
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MAX_VALUE_BYTES)
      throw new Error('expected a reply of Redis, found one that is too long');
  }

  #end(): void {
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) {
      if (last === 1) continue;
      this.#open.push(last - 1);
      return;
    }
    this.#bytes = 0;
    this.#count += 1;
  }
}

/** A client of a cluster follows a redirection; ioredis takes the slot and the address as they are. */
function isErrorGood(error: string): boolean {
  if (!/^(?:MOVED|ASK)\b/.test(error)) return true;
  const [, slot, port] = REDIRECTION.exec(error) ?? [];
  return Number(slot) < SLOTS && Number(port) >= 1 && Number(port) <= MAX_PORT;
}

/** @returns the number of bytes or items; -1 for nothing; `undefined` for what is no such number */
function lengthIn(bytes: Buffer, start: number, end: number): number | undefined {
  if (bytes[start] === MINUS) return end - start === 2 && bytes[start + 1] === ZERO + 1 ? -1 : undefined;
  if (end <= start || end - start > MAX_DIGITS) return undefined;
  let length = 0;
  for (let at = start; at < end; at += 1) {
    const digit = bytes[at] ?? 0;
    if (digit < ZERO || digit > NINE) return undefined;
    length = length * 10 + digit - ZERO;
  }
  return length;
}
