import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { machineAge, uptime } from '../../src/system/processes.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { hasProgram, requirePackage } from '../support/run/requirements.js';
import { PROGRAM } from '../support/xtokend.js';

/** Creates a directory like /proc with these files. */
function proc(files: { uptime?: string; start?: number; namespace?: string }): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, '1'));
  mkdirSync(join(directory, 'self', 'ns'), { recursive: true });
  if (files.uptime !== undefined) writeFileSync(join(directory, 'uptime'), files.uptime);
  if (files.namespace !== undefined) symlinkSync(files.namespace, join(directory, 'self/ns/pid'));
  if (files.start !== undefined) {
    const fields = Array.from({ length: 18 }, () => '0').join(' ');
    writeFileSync(join(directory, '1/stat'), `1 (a) b) c) S ${fields} ${files.start} 0\n`);
  }
  return directory;
}

describe('machineAge and uptime', () => {
  it.each([
    ['a machine', { uptime: '1000.25 5.00\n', start: 25 }, 1_000_000],
    ['a container', { uptime: '1000.25 5.00\n', start: 99_025 }, 10_000],
    ['a container with an uptime of its own', { uptime: '10.00 5.00\n', start: 99_000 }, 10_000],
    [
      "a machine that hides others' processes",
      { uptime: '1000.00 5.00\n', namespace: 'pid:[4026531836]' },
      1_000_000,
    ],
    [
      "a container that hides others' processes",
      { uptime: '1000.00 5.00\n', namespace: 'pid:[4026532300]' },
      undefined,
    ],
    ['no /proc at all', {}, undefined],
  ])('returns the age, or undefined if it is unknown: %s', (_, files, age) => {
    expect(machineAge(proc(files))).toBe(age);
  });

  it.each([{}, { uptime: '' }, { uptime: 'nonsense' }])(
    'falls back to the kernel if /proc has no uptime: %j',
    (files) => {
      expect(Math.abs(uptime(proc(files)) - uptime())).toBeLessThan(2000);
    },
  );

  it('without it, xtokend runs and refuses tokens from before its own start', (context) => {
    requirePackage(context, hasProgram('unshare') && hasProgram('mount'), 'util-linux and mount');
    const script = `mount -t tmpfs none /proc && exec "${PROGRAM}" check --json`;
    const config = temporaryFile(`${SECRETS}[replay]\npath = "${temporaryDirectory()}"\n`);
    const env = { PATH: process.env['PATH'], XTOKEND_CONFIG: config };
    const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script], {
      encoding: 'utf8',
      env,
    });
    requirePackage(context, !/^(?:unshare|mount):/.test(stderr), 'unshare (as root)');
    expect(stderr).toBe('');
    const { findings } = JSON.parse(stdout) as { findings: { code: string; message: string }[] };
    const messageOf = (code: string): string | undefined =>
      findings.find((finding) => finding.code === code)?.message;
    expect(messageOf('replay-degraded')).toContain('/proc/1/stat');
    expect(messageOf('replay-incomplete')).toContain('90 s');
    expect(status).toBe(0);
  });
});
