import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mintWithKey } from '../../../src/credential/mint.js';
import { createAppPassword } from '../../../src/index.js';
import { temporaryFile } from '../../support/directory.js';
import { key, SECRETS } from '../../support/keys.js';
import { runXtokend } from '../../support/xtokend.js';

/** Starts an application that accepts the password `website`. */
async function startApplication(): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end(`{"accepted": ${String(body.includes('"password":"website"'))}}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe('xtokend with passwords', () => {
  it('accepts tokens and the passwords of each back end on stdin', async () => {
    const config = temporaryFile('');
    const directory = dirname(config);
    const [file, script] = [join(directory, 'app-passwords'), join(directory, 'check')];
    const { password } = await createAppPassword({ file, jid: 'alice@example.com', label: 'phone' });
    writeFileSync(
      script,
      '#!/bin/sh\nwhile IFS= read -r line; do case $line in *:script) echo 1;; *) echo 0;; esac; done\n',
    );
    chmodSync(script, 0o755);
    writeFileSync(join(directory, 'token'), 'bearer-token-0123456789');
    writeFileSync(
      config,
      `${SECRETS}[replay]\nstore = "memory"\n[passwords]\nstore = "file:app-passwords"\ncommand = ["${script}"]\nurl = "${await startApplication()}"\ntoken_file = "token"\ntimeout = 3.9\n`,
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
