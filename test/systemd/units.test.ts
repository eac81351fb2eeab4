import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { replaced } from '../support/documents.js';
import { temporaryDirectory } from '../support/directory.js';
import { hasProgram, requirePackage } from '../support/run/requirements.js';
import { PROGRAM } from '../support/xtokend.js';

const isInstalled = spawnSync('systemd-analyze', ['--version']).status === 0;

/** Installs the units with a drop-in, as an operator would, and returns the path of the service unit. */
function install(dropIn?: string): string {
  const directory = temporaryDirectory();
  const service = join(directory, 'xtokend.service');
  const unit = readFileSync('systemd/xtokend.service', 'utf8');
  writeFileSync(
    service,
    replaced(replaced(unit, 'Start=xtokend', `Start=${PROGRAM}`), 'Reload=xtokend', `Reload=${PROGRAM}`),
  );
  copyFileSync('systemd/xtokend.socket', join(directory, 'xtokend.socket'));
  if (dropIn !== undefined) {
    mkdirSync(join(directory, 'xtokend.service.d'));
    copyFileSync(join('systemd/drop-ins', dropIn), join(directory, 'xtokend.service.d', dropIn));
  }
  return service;
}

/** Returns a directory with the manual pages of the package, as npm and the Debian package install them. */
function manual(): string {
  const directory = temporaryDirectory();
  for (const page of readdirSync('man')) {
    const section = join(directory, `man${page.slice(-1)}`);
    mkdirSync(section, { recursive: true });
    copyFileSync(join('man', page), join(section, page));
  }
  return directory;
}

/** @param manual a directory of manual pages in which systemd-analyze finds those that the units name */
function analyze(args: readonly string[], manual = ''): string {
  const env = { ...process.env, MANPATH: manual };
  const { stdout, stderr } = spawnSync('systemd-analyze', ['--no-pager', ...args], { encoding: 'utf8', env });
  return stdout + stderr;
}

/** Returns the exposure level that systemd-analyze computes, from 0 (best) to 10. */
function exposureOf(dropIn?: string): number {
  const report = analyze(['security', '--offline=yes', install(dropIn)]);
  return Number(/exposure level for xtokend.service: ([\d.]+)/.exec(report)?.[1]);
}

describe('the units', () => {
  beforeEach((context) => {
    requirePackage(context, isInstalled, 'systemd');
  });

  it.each([
    undefined,
    'redis-tcp.conf',
    'metrics-tcp.conf',
    'passwords-http.conf',
    'passwords-command.conf',
    'hardest.conf',
  ])('pass systemd-analyze verify with the drop-in %s', (dropIn) => {
    const service = install(dropIn);
    const hasManual = hasProgram('man');
    const args = [
      'verify',
      `--man=${hasManual ? 'yes' : 'no'}`,
      service,
      service.replace(/service$/, 'socket'),
    ];
    expect(analyze(args, hasManual ? manual() : undefined)).toBe('');
  });

  it('have the exposure levels that the page names', () => {
    const page = readFileSync('docs/systemd.md', 'utf8');
    expect(page).toContain(`says ${exposureOf()} of 10`);
    expect(page).toContain(`${exposureOf('hardest.conf')} with \`hardest.conf\``);
    for (const dropIn of ['redis-tcp.conf', 'passwords-http.conf', 'passwords-command.conf']) {
      expect(page).toMatch(new RegExp(`${exposureOf(dropIn)} with\\n[^.]*.*${dropIn}`));
    }
    expect(exposureOf()).toBeLessThanOrEqual(0.8);
  });
});
