import type { Programs } from './compile.js';

/** What a part of the bench works with. */
export interface SectionOptions {
  readonly programs: Programs;
  /** A directory on disk. */
  readonly directory: string;
  /** Whether it is run for its correctness only: a few requests, and no figures worth keeping. */
  readonly isSmoke: boolean;
}

/** A part of the bench. @returns its tables by the names of the places in docs/performance.md, in Markdown */
export type Section = (options: SectionOptions) => Promise<Record<string, string>>;
