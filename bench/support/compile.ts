import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The C programs of bench/c, compiled. */
export interface Programs {
  readonly echo: string;
  readonly client: string;
}

/** @returns the programs, or `undefined` where there is no compiler */
export function compile(directory: string): Programs | undefined {
  if (spawnSync('gcc', ['--version']).error !== undefined) return undefined;
  const programs = { echo: join(directory, 'echo'), client: join(directory, 'client') };
  const sources = readdirSync('bench/c').filter((name) => name.endsWith('.c') && name !== 'echo.c');
  gcc(['echo.c'], programs.echo);
  gcc(sources, programs.client);
  return programs;
}

function gcc(sources: readonly string[], program: string): void {
  const args = ['-O2', '-Wall', '-Wextra', '-o', program, ...sources.map((name) => join('bench/c', name))];
  const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`expected gcc to compile ${sources.join(', ')}: ${stderr}`);
}
