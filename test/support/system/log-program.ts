import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../directory.js';

/** A stand-in for logger(1) or systemd-cat(1), since nothing receives their lines on a test machine. */
export interface FakeLogProgram {
  readonly env: NodeJS.ProcessEnv;
  /** Returns the lines that it has received, over all its starts. */
  readonly log: () => string;
  /** Returns the arguments of its last start. */
  readonly args: () => string;
  readonly pid: () => number;
}

/** Creates a program, first in PATH, whose output goes to a file. @param work a shell command; copies the input by default */
export function fakeLogProgram(name: string, work = 'exec cat'): FakeLogProgram {
  const directory = temporaryDirectory();
  const [log, args, pid] = ['received.log', 'arguments', 'pid'].map((file) => join(directory, file)) as [
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
