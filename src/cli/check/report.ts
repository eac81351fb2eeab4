import type { Finding, Level } from './finding.js';

/** How findings are shown. */
export interface ReportOptions {
  /** So many characters fit into a line; `Infinity` where nothing is to be broken. */
  readonly width: number;
  readonly hasColours: boolean;
}

/** Problems last: there the eye is, above the prompt. */
const LEVELS: readonly Level[] = ['ok', 'note', 'warning', 'problem'];
/** Green, cyan, yellow and red, as a terminal knows them; `styleText` is not in Node.js 18. */
const COLOURS = { ok: 32, note: 36, warning: 33, problem: 31 } as const;
const LEVEL_COLUMNS = 'problem'.length + 2;
const SUBJECT_COLUMNS = 'configuration'.length + 2;
const INDENT = LEVEL_COLUMNS + SUBJECT_COLUMNS;
const MIN_TEXT_COLUMNS = 30;

/** @returns what a person reads: a line for each finding, and its cure below it */
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
  const lines = [...wrap(printable(message), columns), ...wrapFix(fix, columns)];
  return `${coloured}${subject.padEnd(SUBJECT_COLUMNS)}${lines.join(`\n${' '.repeat(INDENT)}`)}\n`;
}

function wrapFix(fix: string | undefined, columns: number): string[] {
  if (fix === undefined) return [];
  const lines = fix.split('\n').flatMap((part) => wrap(printable(part), columns - 2));
  return lines.map((line, index) => `${index === 0 ? '→' : ' '} ${line}`);
}

/** Breaks at spaces; a word that does not fit stands out, so that it can be copied. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** What a terminal would act on can come in by the name of a file or of a host. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ');
}

function conclude(findings: readonly Finding[]): string {
  const count = (level: Level, name: string): string => {
    const found = findings.filter((finding) => finding.level === level).length;
    return `${found} ${found === 1 ? name : `${name}s`}`;
  };
  const isFit = !findings.some(({ level }) => level === 'problem');
  return `${isFit ? 'Fit to run' : 'Not fit to run'}: ${count('problem', 'problem')}, ${count('warning', 'warning')}.`;
}
