/** A common mistake that explains a refused token. */
export interface NearMiss {
  /** A stable name, for tests and tools. */
  readonly code: string;
  /** What was done instead, and what to do. Never holds a secret or a part of a token. */
  readonly text: string;
}
