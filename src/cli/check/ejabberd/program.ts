import { existsSync, statSync } from 'node:fs';
import { quoted } from '../../../quoted.js';
import type { EjabberdHost } from './configuration.js';
import type { EjabberdFinding } from './host.js';

const CURE = "extauth_program: '/usr/bin/xtokend --protocol ejabberd'; `command -v xtokend` prints the path";

/** Looks at the command line by which ejabberd starts xtokend. */
export function checkEjabberdProgram({ setting }: EjabberdHost): EjabberdFinding[] {
  const command = setting('extauth_program');
  if (typeof command !== 'string') {
    return [problem('ejabberd-program', 'auth_method is external, but extauth_program is missing')];
  }
  const words = wordsOf(command);
  const fault = [words[0] ?? '', ...words.filter(isXtokend)].map(faultOf).find((text) => text !== undefined);
  if (fault !== undefined) return [problem('ejabberd-program', `extauth_program: ${fault}`)];
  if (!words.some(isXtokend)) return [unknown(words[0] ?? '')];
  if (protocolOf(words) === 'ejabberd') return [];
  const message = 'extauth_program is xtokend without --protocol ejabberd: neither understands the other';
  return [problem('ejabberd-protocol', message)];
}

/** It runs in a shell: quotes and words as there, but hardly ever more. A command in quotes counts as its words. */
function wordsOf(command: string): string[] {
  return command
    .replaceAll(/["']/g, ' ')
    .split(/[\s;&|]+/)
    .filter((word) => word !== '');
}

/** The program, its bundle, or a link or script with such a name: not a file that is an argument. */
function isXtokend(word: string): boolean {
  return /(?:^|\/)xtokend[^/]*$/.test(word) && !/\.toml$|\.log$|=/.test(word);
}

function faultOf(program: string): string | undefined {
  if (!program.startsWith('/')) return undefined;
  if (!existsSync(program)) return `there is no ${program}`;
  const stats = statSync(program);
  if (!stats.isFile()) return `${program} is not a program`;
  // Node reads the bundle; nobody executes it.
  return /\.[cm]?js$/.test(program) || (stats.mode & 0o111) !== 0 ? undefined : `${program} is not a program`;
}

/** The last one counts. */
function protocolOf(words: readonly string[]): string | undefined {
  const values = words.flatMap((word, index) => {
    if (word === '--protocol') return words[index + 1] ?? '';
    return word.startsWith('--protocol=') ? word.slice('--protocol='.length) : [];
  });
  return values.at(-1);
}

function unknown(program: string): EjabberdFinding {
  return {
    level: 'note',
    code: 'ejabberd-program-unknown',
    message: `extauth_program runs ${quoted(program)}; whether that is xtokend --protocol ejabberd is unknown`,
    fix: CURE,
  };
}

function problem(code: EjabberdFinding['code'], message: string): EjabberdFinding {
  return { level: 'problem', code, message, fix: CURE };
}
