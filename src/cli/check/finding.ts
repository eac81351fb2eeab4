import type { Code } from './codes.js';

/** How much a finding matters: only a problem makes it unfit to run. */
export type Level = 'ok' | 'note' | 'warning' | 'problem';

/** What a finding is about. */
export type Subject =
  | 'program'
  | 'configuration'
  | 'secrets'
  | 'keys'
  | 'users'
  | 'clock'
  | 'replay'
  | 'log'
  | 'metrics'
  | 'service'
  | 'socket'
  | 'prosody'
  | 'ejabberd';

/** One thing that `xtokend check` has to say. Never holds a secret. */
export interface Finding {
  readonly level: Level;
  /** A stable name for tools to switch on. */
  readonly code: Code;
  readonly subject: Subject;
  /** What is so, and where that is not obvious, why it matters. */
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
}
