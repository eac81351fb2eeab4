import { expect } from 'vitest';
import type { Finding } from '../../../src/cli/check/finding.js';
import { temporaryFile } from '../directory.js';
import { xtokend } from '../xtokend.js';
import { CheckProcess } from './check-process.js';

/** Parameters of a run of `xtokend check`. */
export interface CheckRun {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Runs in a process of its own, instead of {@link CheckProcess}. */
  readonly program?: string;
}

/** The result of `xtokend check --json`. */
export interface Checked {
  readonly status: number | null;
  readonly fit: boolean;
  readonly findings: readonly Finding[];
  /** Returns the findings with a code, each as its level, message and fix. */
  readonly of: (code: string) => string[];
}

/** Runs `xtokend check --json`. @param configuration the text of a configuration file, or the path of one */
export function check(configuration: string | { readonly path: string }, run: CheckRun = {}): Checked {
  const path = typeof configuration === 'string' ? temporaryFile(configuration) : configuration.path;
  const { args = [], env = {}, program } = run;
  const line = ['check', '--json', '--config', path, ...args];
  const { status, stdout, stderr } =
    program === undefined ? CheckProcess.run(line, env) : xtokend(line, { env, program });
  expect(stderr).toBe('');
  const { fit, findings } = JSON.parse(stdout) as Pick<Checked, 'fit' | 'findings'>;
  expect({ status, fit }).toEqual(findings.some(({ level }) => level === 'problem') ? UNFIT : FIT);
  const of = (code: string): string[] =>
    findings
      .filter((finding) => finding.code === code)
      .map(({ level, message, fix = '' }) => `${level}: ${message}; ${fix}`);
  return { status, fit, findings, of };
}

const FIT = { status: 0, fit: true };
const UNFIT = { status: 1, fit: false };
