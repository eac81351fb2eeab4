import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFile } from '../support/directory.js';
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

describe('a file of app passwords', () => {
  const settings = (path: string): string => `${SECRETS}[passwords]\nstore = "file:${path}"\n`;
  const warningsOf = (configuration: string): string[] => {
    const { stderr } = xtokend(['--config', temporaryFile(configuration)], { input: 'isuser:a:b\n' });
    return stderr.split('\n').filter((line) => line.includes('writable by another user'));
  };

  it('may belong to the web application that writes it', (context) => {
    requireRoot(context);
    const directory = sharedDirectory(0o755, OTHER_USER);
    const path = join(directory, 'app-passwords');
    writeFileSync(path, '', { mode: 0o600 });
    chownSync(path, OTHER_USER, OTHER_USER);
    expect(warningsOf(settings(path))).toEqual([]);
    chmodSync(path, 0o666);
    expect(warningsOf(settings(path))).toHaveLength(1);
  });

  it('is written by nobody else', (context) => {
    requireRoot(context);
    const path = join(sharedDirectory(0o755, OTHER_USER), 'app-passwords');
    writeFileSync(path, '', { mode: 0o600 });
    expect(warningsOf(settings(path))).toHaveLength(1);
  });
});

describe('a program that checks passwords', () => {
  it('is not writable by another user', (context) => {
    requireRoot(context);
    const program = join(sharedDirectory(0o755, OTHER_USER), 'check');
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
    const file = temporaryFile(`${SECRETS}[passwords]\ncommand = ["${program}"]\n`);
    const { stderr } = xtokend(['--config', file], { input: 'isuser:a:b\n' });
    expect(stderr).toContain('warning configuration file writable by another user');
  });
});
