import { existsSync, statSync } from 'node:fs';
import { quoted } from '../../../quoted.js';
import { findings, type Finding } from '../finding.js';
import type { EjabberdHost } from './configuration.js';

const { note, problem } = findings('ejabberd');

const FIX = "extauth_program: '/usr/bin/xtokend --protocol ejabberd'; `command -v xtokend` prints the path";

/** Checks the command line with which ejabberd starts xtokend. */
export function checkEjabberdProgram({ setting }: EjabberdHost): Finding[] {
  const command = setting('extauth_program');
  if (typeof command !== 'string')
    return [problem('ejabberd-program', 'auth_method is external, but extauth_program is missing', FIX)];
  const words = wordsOf(command);
  const [program = ''] = words;
  const fault = [program, ...words.filter(isXtokend)].map(findFault).find((text) => text !== undefined);
  if (fault !== undefined) return [problem('ejabberd-program', `extauth_program: ${fault}`, FIX)];
  if (!words.some(isXtokend)) {
    const message = `extauth_program runs ${quoted(program)}; whether that is xtokend --protocol ejabberd is unknown`;
    return [note('ejabberd-program-unknown', message, FIX)];
  }
  if (protocolOf(words) === 'ejabberd') return [];
  const message =
    'extauth_program runs xtokend without --protocol ejabberd, so xtokend and ejabberd use different protocols';
  return [problem('ejabberd-protocol', message, FIX)];
}

/** Splits the command line for the shell into words. A command in quotes counts as its words. */
function wordsOf(command: string): string[] {
  return command
    .replaceAll(/["']/g, ' ')
    .split(/[\s;&|]+/)
    .filter((word) => word !== '');
}

/** Whether a word is the program, its bundle, or a link or script with such a name, but not a file as an argument. */
function isXtokend(word: string): boolean {
  return /(?:^|\/)xtokend[^/]*$/.test(word) && !/\.toml$|\.log$|=/.test(word);
}

function findFault(program: string): string | undefined {
  if (!program.startsWith('/')) return undefined;
  if (!existsSync(program)) return `there is no ${program}`;
  const stats = statSync(program);
  if (!stats.isFile()) return `${program} is not a program`;
  // Node reads the bundle, which needs no permission to be executed.
  return /\.[cm]?js$/.test(program) || (stats.mode & 0o111) !== 0 ? undefined : `${program} is not a program`;
}

/** Returns the last value of the option, which is the one that applies. */
function protocolOf(words: readonly string[]): string | undefined {
  const values = words.flatMap((word, index) => {
    if (word === '--protocol') return words[index + 1] ?? '';
    return word.startsWith('--protocol=') ? word.slice('--protocol='.length) : [];
  });
  return values.at(-1);
}
