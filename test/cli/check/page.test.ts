import { chmodSync, existsSync, mkdirSync, writeFileSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findAccount } from '../../../src/cli/check/machine/accounts.js';
import { codes } from '../../../src/cli/check/codes.js';
import type { Finding } from '../../../src/cli/check/finding.js';
import { report } from '../../../src/cli/check/report.js';
import { check, type Checked } from '../../support/daemon/check.js';
import { codeIn } from '../../support/documents.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { OTP_SEED, SECRETS } from '../../support/keys.js';
import { NODE_VERSION } from '../../support/run/node.js';
import { requirePackage } from '../../support/run/requirements.js';
import { startXtokend } from '../../support/xtokend.js';

const PAGE = 'docs/check.md';

/** Checks a machine in a directory, with five mistakes. Returns the findings as if the directory were the root. */
async function mistaken(): Promise<Finding[]> {
  const root = temporaryDirectory();
  for (const directory of ['', 'etc', 'etc/xtokend', 'etc/prosody', 'run', 'run/xtokend', 'bin', 'modules']) {
    mkdirSync(join(root, directory), { recursive: true });
    chmodSync(join(root, directory), 0o755);
  }
  const path = join(root, 'etc/xtokend/xtokend.toml');
  // 1: a secret that the other side decodes. 2: a list that does not exist. 3: every user can read the file.
  const secrets = `otp_seed = "${OTP_SEED}"\ntoken_secret = "dGhpcyBpcyBub3QgYSBzZWNyZXQ="\n`;
  writeFileSync(path, `users = "file:/etc/xtokend/users"\n${secrets}`);
  chmodSync(path, 0o644);
  // 4: a module that was never copied. 5: a socket without a group.
  const socket = join(root, 'run/xtokend/xtokend.sock');
  const lua = join(root, 'etc/prosody/prosody.cfg.lua');
  const host = `VirtualHost "example.com"\nauthentication = "xtoken"\nxtoken_socket = "${socket}"\n`;
  const enabled = 'modules_enabled = { "saslauth" }';
  writeFileSync(lua, `${enabled}\nplugin_paths = { "${root}/usr/local/lib/prosody/modules" }\n${host}`);
  const daemon = startXtokend(['--config', temporaryFile(SECRETS), '--listen', `unix:${socket}`]);
  onTestFinished(() => void daemon.kill());
  while (!existsSync(socket)) await once(daemon.stderr, 'data');
  writeFileSync(join(root, 'bin/timedatectl'), '#!/bin/sh\necho yes\n', { mode: 0o755 });
  const env = {
    PATH: `${root}/bin:${process.env['PATH'] ?? ''}`,
    STATE_DIRECTORY: join(root, 'var/lib/xtokend'),
  };
  return asIfRoot(check({ path }, { args: ['--prosody', lua], env }), root);
}

function asIfRoot({ findings }: Checked, root: string): Finding[] {
  const text = JSON.stringify(findings)
    .replaceAll(root, '')
    .replaceAll(resolve('.'), '/usr/lib/node_modules/xtokend')
    .replaceAll(`Node.js ${NODE_VERSION}`, 'Node.js 20.20.2');
  return JSON.parse(text) as Finding[];
}

describe('the page about xtokend check', () => {
  it('shows the report as it is', async (context) => {
    requirePackage(context, findAccount('prosody') !== undefined, 'prosody');
    if (process.getuid?.() !== 0) context.skip('the page is for root');
    expect(codeIn(PAGE, 'text')).toBe(report(await mistaken(), { width: 100, hasColours: false }));
  });

  it('lists all codes with their meanings', () => {
    const rows = [...readFileSync(PAGE, 'utf8').matchAll(/^\| `([a-z]+-[a-z-]+)` +\| (.*?) +\|$/gm)];
    expect(rows.map(([, code, meaning]) => [code, meaning])).toEqual(Object.entries(codes));
  });

  it('shows a finding in JSON as it is', () => {
    const { findings } = JSON.parse(codeIn(PAGE, 'json')) as Checked;
    const yaml = join(temporaryDirectory(), 'ejabberd.yml');
    writeFileSync(yaml, "hosts: [a]\nauth_method: external\nextauth_program: 'cat'\n");
    const { findings: found } = check(`otp_seed = "${OTP_SEED}"\ntoken_secret = "${OTP_SEED}"\n`, {
      args: ['--ejabberd', yaml],
    });
    for (const finding of findings) expect(found).toContainEqual(finding);
  });
});
