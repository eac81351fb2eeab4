import type { Code } from './codes.js';

/** How much a finding matters: only with a problem, `xtokend check` exits with 1. */
export type Level = 'ok' | 'note' | 'warning' | 'problem';

/** The subjects of findings, in the order in which they are shown. */
export const SUBJECTS = [
  'program',
  'configuration',
  'secrets',
  'keys',
  'users',
  'passwords',
  'clock',
  'replay',
  'log',
  'metrics',
  'service',
  'socket',
  'prosody',
  'ejabberd',
] as const;

/** The subject of a finding. */
export type Subject = (typeof SUBJECTS)[number];

/** One result of `xtokend check`. Never holds a secret. */
export interface Finding {
  readonly level: Level;
  readonly code: Code;
  readonly subject: Subject;
  /** What was found, and why it matters if that is not obvious. */
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
}

type Create = (code: Code, message: string, fix?: string) => Finding;

/** Returns functions that create the findings of a subject, by their level. */
export function findings(subject: Subject): Readonly<Record<Level, Create>> {
  const at =
    (level: Level): Create =>
    (code, message, fix) => ({ level, code, subject, message, ...(fix !== undefined && { fix }) });
  return { ok: at('ok'), note: at('note'), warning: at('warning'), problem: at('problem') };
}
