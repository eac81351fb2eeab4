import type { Kind } from './requests.js';

/** What came of requests that were asked one after the other's answer. */
export interface Turns {
  /** Of each request, from before it was written until its answer was read. */
  readonly nanoseconds: Uint32Array;
  readonly accepted: number;
  readonly refused: number;
  /** What was neither. */
  readonly other: number;
}

/** Asks a program. */
export interface Client {
  /** @param requests a line each */
  turns(requests: string): Promise<Turns>;
  /** Ends the connection, and the program where it started one. */
  close(): Promise<void>;
}

/** @throws where not all requests were answered as they should be: a wrong answer is a fast one */
export function assertVerdicts({ nanoseconds, accepted, refused }: Turns, kind: Kind): void {
  const right = kind === 'valid' ? accepted : refused;
  if (right === nanoseconds.length) return;
  throw new Error(
    `expected ${nanoseconds.length} ${kind} requests; ${accepted} were accepted, ${refused} refused`,
  );
}
