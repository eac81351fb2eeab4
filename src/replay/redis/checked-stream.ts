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

const SLOTS = 16_384;
const MAX_PORT = 65_535;
const REDIRECTION = /^-(?:MOVED|ASK) (\d{1,5}) [\w.:%?-]{1,255}:(\d{1,5})\r\n$/;

const NOTHING = Buffer.alloc(0);
const LINE_FEED = 0x0a;
/** The first line of a value of RESP 2. ioredis takes any carriage return for the line end. */
const LINE = /^(?:[$*](-1|\d{1,7})|[:+-][^\r]*)\r\n$/;

/**
 * A connection to Redis that is closed when it receives more replies than commands were sent, or anything but RESP 2 of a bounded
 * size, before ioredis reads that. ioredis 6 takes a surplus reply for that to the next command, ends the process at a surplus nil,
 * and allocates any length that it is told.
 */
export class CheckedStream extends Duplex {
  readonly #socket: Socket;
  readonly #sent = new ReplyCounter();
  readonly #received = new ReplyCounter();

  // The methods of a socket that ioredis uses.
  readonly setNoDelay: Socket['setNoDelay'];
  readonly setKeepAlive: Socket['setKeepAlive'];
  readonly setTimeout: Socket['setTimeout'];

  constructor(socket: Socket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.setNoDelay = socket.setNoDelay.bind(socket);
    this.setKeepAlive = socket.setKeepAlive.bind(socket);
    this.setTimeout = socket.setTimeout.bind(socket);
    for (const event of ['connect', 'secureConnect']) socket.on(event, () => this.emit(event));
    socket.on('data', this.#receive.bind(this));
    socket.on('error', (error) => this.destroy(error));
    socket.on('end', () => this.push(null));
    socket.on('close', () => this.destroy());
  }

  get connecting(): boolean {
    return this.#socket.connecting;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.#sent.read(chunk);
    const isExceeded = this.#sent.count - this.#received.count > MAX_UNREPLIED;
    // Without backpressure, as the number of commands is bounded.
    if (!isExceeded) this.#socket.write(chunk);
    done(isExceeded ? new Error(`${MAX_UNREPLIED} commands without a reply`) : undefined);
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

/** Counts values of Redis' protocol (RESP 2): commands, or replies. Holds at most one line of them, however they are split. */
export class ReplyCounter {
  /** The number of complete values. */
  count = 0;
  /** The missing items of the arrays that have begun, the innermost last. */
  readonly #open: number[] = [];
  /** The missing bytes of a string, with its line end. */
  #skip = 0;
  /** The start of a line. */
  #rest: Buffer = NOTHING;
  #bytes = 0;

  /** The number of values that have begun: ioredis resolves a text before its line end arrives. */
  get begun(): number {
    return this.#open.length > 0 || this.#skip > 0 ? this.count + 1 : this.count;
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
    this.#begin(bytes.toString('latin1', at, end));
    return end - at;
  }

  #begin(line: string): void {
    const match = LINE.exec(line);
    if (match === null) throw new UnexpectedReplyError('no RESP 2');
    // ioredis follows a redirection without a check of the slot and the address.
    if (/^-(?:MOVED|ASK)\b/.test(line) && !isRedirection(line))
      throw new UnexpectedReplyError('invalid redirection');
    const size = Number(match[1] ?? -1);
    this.#bytes += line.length + Math.max(size, 0);
    if (this.#bytes > MAX_VALUE_BYTES) throw new UnexpectedReplyError('too long');
    if (size < 0 || (line.startsWith('*') && size === 0)) this.#end();
    else if (line.startsWith('$')) this.#skip = size + 2;
    else if (this.#open.push(size) > MAX_DEPTH) throw new UnexpectedReplyError('nested too deep');
  }

  #end(): void {
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) {
      if (last === 1) continue;
      this.#open.push(last - 1);
      return;
    }
    this.#bytes = 0;
    this.count += 1;
  }
}

function isRedirection(line: string): boolean {
  const [, slot, port] = REDIRECTION.exec(line) ?? [];
  return Number(slot) < SLOTS && Number(port) >= 1 && Number(port) <= MAX_PORT;
}
