import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkPrograms } from '../../../src/cli/check/machine/programs.js';
import { temporaryDirectory } from '../../support/directory.js';

/** Installs a package with a program. Returns its directory. */
function install(directory: string, version: string): string {
  mkdirSync(join(directory, 'bin'), { recursive: true });
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'xtokend', version }));
  writeFileSync(join(directory, 'bin/xtokend'), '#!/bin/sh\n');
  chmodSync(join(directory, 'bin/xtokend'), 0o755);
  return directory;
}

function link(directory: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(directory, 'bin/xtokend'), path);
}

describe('xtokend check, of other installations of xtokend', () => {
  let root = '';
  let debian = '';
  let [own, local, opt] = ['', '', ''];

  beforeEach(() => {
    root = realpathSync(temporaryDirectory());
    debian = install(join(root, 'usr/share/xtokend'), '2.0.0');
    [own, local, opt] = [join(root, 'usr/bin'), join(root, 'usr/local/bin'), join(root, 'opt')];
    link(debian, join(own, 'xtokend'));
  });

  const check = (path: string, servicePath = ''): string[] =>
    checkPrograms({ env: { PATH: path } }, debian, servicePath).map(
      ({ code, message, fix }) => `${code}: ${message}; ${fix}`,
    );

  it('finds none without others, or without the Debian package', () => {
    expect(check(`${own}:${local}`)).toEqual([]);
    expect(checkPrograms({ env: { PATH: local } }, join(root, 'none'))).toEqual([]);
  });

  it('names one that comes before that of the Debian package, or is of another version, with the command that removes it', () => {
    const npm = join(root, 'usr/local/lib/node_modules/xtokend');
    link(install(npm, '1.0.0'), join(local, 'xtokend'));
    const what = `program-shadows: ${local}/xtokend (1.0.0) is not the xtokend of the Debian package (2.0.0)`;
    const fix = `npm uninstall --global --prefix ${root}/usr/local xtokend`;
    expect(check(`${local}:${own}`)).toEqual([`${what}, and is found before it in PATH; ${fix}`]);
    expect(check(own, `${local}:${own}`)).toEqual([`${what}; ${fix}`]);
    install(npm, '2.0.0');
    expect(check(`${local}:${own}`)).toEqual([expect.stringContaining('(2.0.0) is not the xtokend')]);
    expect(check(`${own}:${local}`)).toEqual([]);
  });

  it('removes a program that npm did not install', () => {
    install(join(root, 'elsewhere'), '1.0.0');
    link(join(root, 'elsewhere'), join(opt, 'xtokend'));
    expect(check(`${opt}:${own}`)).toEqual([expect.stringMatching(`; rm ${opt}/xtokend$`)]);
  });
});
