import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/directory.js';

describe('a fresh clone', () => {
  it('answers after `npm start`, with fresh secrets', { timeout: 180_000 }, (context) => {
    if (process.env['CI'] !== 'true') context.skip('installs all packages: only with CI=true');
    const clone = join(temporaryDirectory(), 'xtokend');
    execFileSync('git', ['clone', '--quiet', process.cwd(), clone]);
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
    const first = spawnSync('npm', ['start', '--silent'], {
      cwd: clone,
      env,
      input: 'isuser:a:b\nx\n',
      encoding: 'utf8',
    });
    expect(first).toMatchObject({ status: 0, stdout: '1\n0\n' });
    expect(first.stderr).toContain('making local/xtokend.toml');
    expect(statSync(join(clone, 'local/xtokend.toml')).mode & 0o777).toBe(0o600);
    expect(execFileSync('git', ['status', '--porcelain'], { cwd: clone, encoding: 'utf8' })).toBe('');
    const config = join(clone, 'local/xtokend.toml');
    const token = execFileSync(join(clone, 'bin/xtokend'), ['mint', 'a@b', '--config', config], {
      encoding: 'utf8',
    });
    const again = spawnSync('npm', ['start', '--silent'], {
      cwd: clone,
      env,
      input: `auth:a:b:${token}`,
      encoding: 'utf8',
    });
    expect(again).toMatchObject({ status: 0, stdout: '1\n' });
    expect(again.stderr).not.toContain('making');
  });
});
