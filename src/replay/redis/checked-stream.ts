import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { UnexpectedReplyError } from './replies.js';

/**
 * Commands that have timed out still wait for their replies in ioredis, and a server that is always late never catches up. Far
 * more than are under way while replies arrive in time.
 */
export const MAX_UNREPLIED = 16_384;

/** Far more than the longest reply: a cluster's slot table. */
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
 * A connection to Redis that is closed when it receives more replies than commands were sent, or anything but RESP 2 of a bounded
 * size, before ioredis reads that. ioredis 6 takes a surplus reply for that to the next command, ends the process at a surplus nil,
 * and allocates any length that it is told.
 */
export class CheckedStream extends Duplex {
  readonly #socket: Socket;
  readonly #sent = new ReplyCounter();
  readonly #received = new ReplyCounter();

  constructor(socket: Socket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    for (const event of ['connect', 'secureConnect']) socket.on(event, () => this.emit(event));
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('error', (error) => this.destroy(error));
    socket.on('end', () => this.push(null));
    socket.on('close', () => this.destroy());
  }

  // The parts of a socket that ioredis uses.
  get connecting(): boolean {
    return this.#socket.connecting;
  }
  setNoDelay(noDelay: boolean): void {
    this.#socket.setNoDelay(noDelay);
  }
  setKeepAlive(enable: boolean, delay: number): void {
    this.#socket.setKeepAlive(enable, delay);
  }
  setTimeout(milliseconds: number, onTimeout?: () => void): void {
    this.#socket.setTimeout(milliseconds, onTimeout);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#sent.read(chunk);
    if (this.#sent.count - this.#received.count > MAX_UNREPLIED) {
      done(new Error(UNREPLIED));
      return;
    }
    // Without backpressure, as the number of commands is bounded.
    this.#socket.write(chunk);
    done();
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return;
    try {
      const complete = this.#received.read(chunk);
      if (this.#received.begun > this.#sent.count) throw new UnexpectedReplyError('surplus reply');
      if (complete.length > 0 && !this.push(complete)) this.#socket.pause();
    } catch (error) {
      this.destroy(error as Error);
    }
  }
}

const UNREPLIED = `${MAX_UNREPLIED} commands without a reply`;

/** Counts values of Redis' protocol (RESP 2): commands, or replies. Holds at most one line of them, however they are split. */
export class ReplyCounter {
  #count = 0;
  /** The missing items of the arrays that have begun, the innermost last. */
  readonly #open: number[] = [];
  /** The missing bytes of a string, with its line end. */
  #skip = 0;
  /** The start of a line. */
  #rest: Buffer = NOTHING;
  #bytes = 0;

  /** The number of complete values. */
  get count(): number {
    return this.#count;
  }

  /** The number of values that have begun: ioredis resolves a text before its line end arrives. */
  get begun(): number {
    return this.#open.length > 0 || this.#skip > 0 ? this.#count + 1 : this.#count;
  }

  /**
   * Returns the bytes read so far, up to the last line end: ioredis takes some replies for complete before their line ends.
   *
   * @throws {@link UnexpectedReplyError} if this is not RESP 2, or if a value is too large
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
    if (end - at > MAX_LINE_BYTES) throw new UnexpectedReplyError('endless line');
    if (newline === -1) return 0;
    this.#begin(bytes, at, end);
    return end - at;
  }

  // Compares bytes: a consume has some 20 lines, and strings for all of them take longer.
  #begin(bytes: Buffer, start: number, end: number): void {
    const type = bytes[start];
    const size = type === STRING || type === ARRAY ? lengthIn(bytes, start + 1, end - 2) : -1;
    // ioredis takes any carriage return for the line end.
    if (bytes.indexOf(CARRIAGE_RETURN, start) !== end - 2 || size === undefined || !TYPES.includes(type)) {
      throw new UnexpectedReplyError('no RESP 2');
    }
    if (type === ERROR && !isValidError(bytes.toString('latin1', start + 1, end - 2))) {
      throw new UnexpectedReplyError('invalid redirection');
    }
    this.#grow(end - start + Math.max(size, 0));
    if (size < 0 || (type === ARRAY && size === 0)) this.#end();
    else if (type === STRING) this.#skip = size + 2;
    else if (this.#open.push(size) > MAX_DEPTH) {
      throw new UnexpectedReplyError('nested too deep');
    }
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MAX_VALUE_BYTES) throw new UnexpectedReplyError('too long');
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

/** ioredis follows a redirection without a check of the slot and the address. */
function isValidError(error: string): boolean {
  if (!/^(?:MOVED|ASK)\b/.test(error)) return true;
  const [, slot, port] = REDIRECTION.exec(error) ?? [];
  return Number(slot) < SLOTS && Number(port) >= 1 && Number(port) <= MAX_PORT;
}

/** Returns the number of bytes or items, -1 for a nil, `undefined` for an invalid number. */
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
