import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { replaced } from '../support/documents.js';
import { temporaryDirectory } from '../support/directory.js';
import { requirePackage } from '../support/run/requirements.js';
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
    const of = dropIn === 'prosody.conf' ? 'xtokend.socket.d' : 'xtokend.service.d';
    mkdirSync(join(directory, of));
    copyFileSync(join('systemd/drop-ins', dropIn), join(directory, of, dropIn));
  }
  return service;
}

function analyze(...args: string[]): string {
  const { stdout, stderr } = spawnSync('systemd-analyze', ['--no-pager', ...args], { encoding: 'utf8' });
  return stdout + stderr;
}

/** Returns the exposure level that systemd-analyze computes, from 0 (best) to 10. */
function exposureOf(dropIn?: string): number {
  const report = analyze('security', '--offline=yes', install(dropIn));
  return Number(/exposure level for xtokend.service: ([\d.]+)/.exec(report)?.[1]);
}

describe('the units', () => {
  beforeEach((context) => {
    requirePackage(context, isInstalled, 'systemd');
  });

  it.each([
    undefined,
    'prosody.conf',
    'redis-tcp.conf',
    'metrics-tcp.conf',
    'passwords-http.conf',
    'passwords-command.conf',
    'hardest.conf',
  ])('pass systemd-analyze verify with the drop-in %s', (dropIn) => {
    const service = install(dropIn);
    expect(analyze('verify', service, service.replace(/service$/, 'socket'))).toBe('');
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
