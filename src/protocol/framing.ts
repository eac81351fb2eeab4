import type { Frame } from './request.js';

/** Cuts a stream of bytes, however it is split into chunks, into requests. */
export interface FrameDecoder {
  /**
   * @param chunk the next bytes of the stream; not kept
   * @returns the requests that are complete with them, in order; good only as long as the chunk is not written over
   */
  push(chunk: Buffer): Frame[];
  /** Whether the bytes so far end inside a request. */
  readonly isInRequest: boolean;
}

/** One way of writing requests and answers as bytes. Keeps at most MAX_REQUEST_BYTES of an unfinished request. */
export interface Framing {
  readonly name: 'generic' | 'ejabberd';
  /** How a request ends, for messages. */
  readonly end: string;
  /** @returns a decoder for one stream of requests */
  createDecoder(): FrameDecoder;
  /** The bytes that answer one request. */
  readonly answers: { readonly yes: Buffer; readonly no: Buffer };
}
