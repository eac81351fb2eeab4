import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mintWithKey } from '../../../src/credential/mint.js';
import { createAppPassword } from '../../../src/index.js';
import { temporaryFile } from '../../support/directory.js';
import { key, SECRETS } from '../../support/keys.js';
import { HttpEnd } from '../../support/passwords/http-end.js';
import { writeScripts } from '../../support/passwords/scripts.js';
import { runXtokend } from '../../support/xtokend.js';

describe('xtokend with passwords', () => {
  it('accepts tokens and the passwords of each back end on stdin', async () => {
    const config = temporaryFile('');
    const directory = dirname(config);
    const file = join(directory, 'app-passwords');
    const { password } = await createAppPassword({ file, jid: 'alice@example.com', label: 'phone' });
    const http = new HttpEnd();
    await http.start();
    onTestFinished(() => http.stop());
    http.passwords.set('alice@example.com', 'website');
    const command = writeScripts(directory).check('users', ['alice:example.com:script']);
    writeFileSync(
      config,
      `${SECRETS}[replay]\nstore = "memory"\n[passwords]\nstore = "file:app-passwords"\n${command}\n${http.settingsIn(directory)}\ntimeout = 3.9\n`,
    );
    const passwords = [
      mintWithKey(key, 'alice@example.com', Date.now()),
      password,
      'script',
      'website',
      'wrong',
    ];
    const input = passwords.map((each) => `auth:alice:example.com:${each}\n`).join('');
    const { stdout, stderr } = await runXtokend(['--config', config], { input });
    expect(stdout, stderr).toBe('1\n1\n1\n1\n0\n');
    for (const backend of ['app-passwords', 'command', 'http'])
      expect(stderr).toContain(`backend="${backend}"`);
    for (const each of passwords) expect(stderr).not.toContain(`${each}"`);
  });
});
