import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/start/program.js';

/** A section of a manual page. */
export interface Section {
  readonly name: string;
  readonly text: string;
  /** The entries of its list: the words in a tag, such as `--config`, and the text below it. */
  readonly entries: readonly { readonly names: readonly string[]; readonly text: string }[];
}

/** Returns the text of a page in man(7), without the escape sequences of its characters. */
export function readPage(file: string): string {
  return readFileSync(file, 'utf8')
    .replaceAll(/\\f[BIPR]/g, '')
    .replaceAll(String.raw`\-`, '-')
    .replaceAll(String.raw`\~`, ' ');
}

/** Returns the sections of a page, or with `SS`, the subsections. */
export function sectionsOf(page: string, macro: 'SH' | 'SS' = 'SH'): Section[] {
  const start = macro === 'SH' ? /^\.SH /m : /^\.(?=S[SH] )/m;
  const parts = page.split(start).slice(1);
  return parts
    .filter((part) => macro === 'SH' || part.startsWith('SS '))
    .map((part) => part.replace(/^SS /, ''))
    .map((part) => {
      const [name = '', ...lines] = part.split('\n');
      const text = lines.join('\n');
      return { name, text, entries: entriesOf(text) };
    });
}

function entriesOf(text: string): Section['entries'] {
  return text
    .split(/^\.TP\n/m)
    .slice(1)
    .map((entry) => {
      const [tag = '', ...lines] = entry.split('\n');
      const [, words = ''] = /^\.[BIR]+ (.*)$/.exec(tag) ?? [];
      const names = words.split(/[\s",=]+/).filter((word) => /^(--)?[A-Za-z]\w+/.test(word));
      return { names: names.filter((word) => word !== word.toUpperCase()), text: lines.join('\n') };
    });
}

/** The commands and options of xtokend. */
export const program: Command = createProgram('0.0.0');

/** Returns the names of the options of a command, such as `--config`. */
export function optionsOf(command: Command): string[] {
  return command.options.filter(({ hidden }) => !hidden).map(({ long }) => long ?? '');
}
