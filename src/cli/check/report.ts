import wrapAnsi from 'wrap-ansi';
import type { Finding, Level } from './finding.js';

/** How findings are shown. */
export interface ReportOptions {
  /** The width of a line in columns; `Infinity` to break no line. */
  readonly width: number;
  readonly hasColours: boolean;
}

/** Problems last: they are then right above the prompt. */
const LEVELS: readonly Level[] = ['ok', 'note', 'warning', 'problem'];
/** Green, cyan, yellow and red in a terminal; Node.js 18 lacks `styleText`. */
const COLOURS = { ok: 32, note: 36, warning: 33, problem: 31 } as const;
const LEVEL_COLUMNS = 'problem'.length + 2;
const SUBJECT_COLUMNS = 'configuration'.length + 2;
const INDENT = LEVEL_COLUMNS + SUBJECT_COLUMNS;
const MIN_TEXT_COLUMNS = 30;

/** Returns the report for a person: each finding, and its fix below it. */
export function report(findings: readonly Finding[], options: ReportOptions): string {
  const groups = LEVELS.map((level) => findings.filter((finding) => finding.level === level));
  const texts = groups
    .filter((group) => group.length > 0)
    .map((group) => group.map((finding) => describe(finding, options)).join(''));
  return `${texts.join('\n')}\n${conclude(findings)}\n`;
}

function describe({ level, subject, message, fix }: Finding, { width, hasColours }: ReportOptions): string {
  const columns = Math.max(width - INDENT, MIN_TEXT_COLUMNS);
  const head = level.padEnd(LEVEL_COLUMNS);
  const coloured = hasColours ? `\u001b[${COLOURS[level]}m${head}\u001b[39m` : head;
  const text = wrap(message.replaceAll('\n', ' '), columns);
  const fixText = fix === undefined ? '' : `\n→ ${indent(wrap(fix, columns - 2), 2)}`;
  return `${coloured}${subject.padEnd(SUBJECT_COLUMNS)}${indent(text + fixText, INDENT)}\n`;
}

/** Breaks lines at spaces. A word that is too long stays whole, so that it can be copied. */
function wrap(text: string, columns: number): string {
  // The name of a file or a host can hold control sequences of a terminal.
  const lines = text.split('\n').map((line) => line.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' '));
  return wrapAnsi(lines.join('\n'), columns);
}

function indent(text: string, columns: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(columns)}`);
}

function conclude(findings: readonly Finding[]): string {
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const counted = (level: Level): string => `${count(level)} ${level}${count(level) === 1 ? '' : 's'}`;
  const conclusion = count('problem') === 0 ? 'Fit to run' : 'Not fit to run';
  return `${conclusion}: ${counted('problem')}, ${counted('warning')}.`;
}
