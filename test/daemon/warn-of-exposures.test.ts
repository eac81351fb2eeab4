import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SECRETS } from '../support/keys.js';
import { OTHER_USER, requireRoot, sharedDirectory } from '../support/system/other-user.js';
import { xtokend } from '../support/xtokend.js';

describe('a configuration that another user can replace', () => {
  it('is used, with one warning for each directory', (context) => {
    requireRoot(context);
    const shared = sharedDirectory(0o755, OTHER_USER);
    const directory = join(shared, 'own');
    mkdirSync(directory);
    writeFileSync(join(directory, 'users'), 'a\n');
    writeFileSync(join(directory, 'xtokend.toml'), `users = "file:users"\n${SECRETS}`, { mode: 0o600 });
    const { stdout, stderr } = xtokend(['--config', join(directory, 'xtokend.toml')], {
      input: 'isuser:a:b\n',
    });
    expect(stdout).toBe('1\n');
    const warnings = stderr
      .split('\n')
      .filter((line) => line.includes('warning configuration file writable by another user'));
    expect(warnings).toEqual([expect.stringContaining(`owns ${shared}" fix="chown root ${shared}, or run`)]);
  });
});
