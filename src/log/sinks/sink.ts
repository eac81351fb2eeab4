import type { LinePrefix } from '../line-format.js';

/** Where the bytes of a log go. */
export interface LogSink {
  /** The value of the field `path` in messages about this sink. */
  readonly name: string;
  readonly prefix: LinePrefix;
  /**
   * Writes as much as possible without waiting.
   *
   * @returns how many bytes were written
   * @throws if the sink can't be written, with the cause
   */
  write(bytes: Buffer): number;
  /**
   * Closes the sink.
   *
   * @param flush writes what the caller still holds
   * @returns a promise that resolves when everything is written, or after a timeout
   */
  close(flush: () => void): Promise<void> | undefined;
}
