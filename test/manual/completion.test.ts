import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { protocols } from '../../src/protocol/detection.js';
import { TOPICS } from '../../src/cli/start/program.js';
import { temporaryDirectory } from '../support/directory.js';
import { hasProgram, requirePackage } from '../support/run/requirements.js';
import { optionsOf, program } from './pages.js';

const commands = program.commands.map((command) => command.name());
const serve = program.commands.find((command) => command.name() === 'serve');

/** What is offered after a command line, which can end in a part of a word. */
const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['xtokend ', commands],
  ['xtokend m', ['mint']],
  ['xtokend --', ['--help', '--version', ...(serve === undefined ? [] : optionsOf(serve))]],
  ['xtokend help ', [...commands, ...Object.keys(TOPICS)]],
  ['xtokend serve --protocol ', Object.keys(protocols)],
  ['xtokend mint ', []],
  ['xtokend mint --count ', []],
  ['xtokend mint --co', ['--config', '--count']],
  ...program.commands.map(
    (command) => [`xtokend ${command.name()} --`, ['--help', ...optionsOf(command)]] as const,
  ),
];

const BASH = `
  source completion/xtokend.bash
  complete -p xtokend >/dev/null || exit
  for line; do
    read -ra COMP_WORDS <<<"$line"
    if [[ $line == *" " ]]; then COMP_WORDS+=(""); fi
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _xtokend
    printf '%s\\n' "\${COMPREPLY[@]}" END
  done`;
const FISH = 'source completion/xtokend.fish; for line in $argv; complete -C $line; echo END; end';

/** The arguments of each shell with which it prints what it offers after each line, and then END. */
const shells: Readonly<Record<string, (lines: readonly string[]) => string[]>> = {
  bash: (lines) => ['--norc', '-c', BASH, 'bash', ...lines],
  zsh: (lines) => [
    ...['-f', 'test/manual/complete.zsh', join(process.cwd(), 'completion')],
    ...[join(temporaryDirectory(), 'zcompdump'), ...lines],
  ],
  fish: (lines) => ['--no-config', '-c', FISH, ...lines],
};

describe('the completion', () => {
  it.for(Object.entries(shells))(
    'of %s offers every command and option, and no other',
    { timeout: 60_000 },
    ([shell, argumentsFor], context) => {
      requirePackage(context, hasProgram(shell), shell);
      const { stdout, stderr } = spawnSync(shell, argumentsFor(CASES.map(([line]) => line)), {
        encoding: 'utf8',
        env: { ...process.env, HOME: temporaryDirectory(), TERM: 'dumb' },
        timeout: 50_000,
      });
      const offered = stdout.split('END\n').map((text) => text.replaceAll(/\t.*/g, '').split('\n'));
      const sorted = CASES.map(([line], index) => [line, offered[index]?.filter(Boolean).sort()]);
      expect(stderr).toBe('');
      expect(sorted).toEqual(CASES.map(([line, words]) => [line, [...words].sort()]));
    },
  );
});
