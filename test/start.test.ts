import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFile, temporaryFolder } from './support/folder.js';
import { PROGRAM } from './support/xtokend.js';

describe('npm start', () => {
  it('follows no link that somebody has put where it makes the configuration', () => {
    const clone = temporaryFolder();
    cpSync('scripts/start', join(clone, 'scripts/start'));
    // What they do is done already; the bundle must stay as it is for other tests.
    for (const name of ['install', 'build.js']) writeFileSync(join(clone, 'scripts', name), '');
    mkdirSync(join(clone, 'bin'));
    symlinkSync(PROGRAM, join(clone, 'bin/xtokend'));
    const folder = join(temporaryFolder(), 'shared');
    mkdirSync(folder, { mode: 0o1777 });
    const victim = temporaryFile('victim');
    const config = join(folder, 'xtokend.toml');
    symlinkSync(join(folder, 'nowhere'), config);
    symlinkSync(victim, `${config}.new`);
    const { status, stdout } = spawnSync('sh', ['scripts/start'], {
      cwd: clone,
      env: { PATH: process.env['PATH'], XTOKEND_CONFIG: config },
      input: 'isuser:a:b\n',
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '1\n' });
    expect(lstatSync(config)).toMatchObject({ mode: 0o100600 });
    expect(readFileSync(config, 'utf8')).toContain('otp_seed');
    expect(readFileSync(victim, 'utf8')).toBe('victim');
    expect(readdirSync(folder).sort()).toEqual(['xtokend.toml', 'xtokend.toml.new']);
  });
});
