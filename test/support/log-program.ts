import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './directory.js';

/** A stand-in for logger(1) or systemd-cat(1), which on a test machine find nobody to talk to. */
export interface FakeLogProgram {
  readonly env: NodeJS.ProcessEnv;
  /** What it has passed on, over all its lives. */
  readonly log: () => string;
  /** The arguments of its last start. */
  readonly args: () => string;
  readonly pid: () => number;
}

/** @returns a program that stands first in PATH, and appends its input to a file, or does something else with it */
export function fakeLogProgram(name: string, work = 'exec cat'): FakeLogProgram {
  const directory = temporaryDirectory();
  const [log, args, pid] = ['passed-on.log', 'arguments', 'pid'].map((file) => join(directory, file)) as [
    string,
    string,
    string,
  ];
  const script = `#!/bin/sh\necho "$*" >${args}\necho $$ >${pid}\n${work} >>${log}\n`;
  mkdirSync(join(directory, 'bin'));
  writeFileSync(join(directory, 'bin', name), script, { mode: 0o755 });
  const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  return {
    env: { PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}` },
    log: () => read(log),
    args: () => read(args).trim(),
    pid: () => Number(read(pid)),
  };
}
