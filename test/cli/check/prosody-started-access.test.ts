import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/cli/check/finding.js';
import { ProsodyMachine } from '../../support/daemon/prosody-machine.js';
import { SECRETS } from '../../support/keys.js';
import { PROGRAM } from '../../support/xtokend.js';

let machine: ProsodyMachine;

beforeEach((context) => {
  machine = new ProsodyMachine(context);
});

describe('xtokend check, of what the xtokend that Prosody starts can use', () => {
  it('reports a program that user prosody may not run or read', () => {
    const program = join(machine.root, 'package/bin/xtokend');
    for (const part of ['bin', 'dist'])
      cpSync(part, join(machine.root, 'package', part), { recursive: true });
    expect(machine.check(machine.command(program)).of('prosody-command-unusable')).toEqual([]);
    chmodSync(join(machine.root, 'package/dist/xtokend.cjs'), 0o600);
    expect(machine.check(machine.command(program)).of('prosody-command-unusable')).toEqual([
      expect.stringMatching(
        /: user prosody may not read \S+\/dist\/xtokend\.cjs .*; install Node\.js and xtokend /,
      ),
    ]);
    chmodSync(program, 0o700);
    expect(machine.check(machine.command(program)).of('prosody-command-unusable')).toEqual([
      expect.stringContaining(`user prosody may not run ${program} (`),
    ]);
  });

  it('reports files that user prosody may not read, with a fix that works', () => {
    chmodSync(machine.configuration, 0o600);
    const unreadable = (): readonly Finding[] =>
      machine.check().findings.filter(({ code }) => code === 'prosody-configuration-unreadable');
    const [finding, ...more] = unreadable();
    expect(more).toEqual([]);
    expect(finding?.message).toContain(`user prosody may not read ${machine.configuration} (`);
    expect(finding?.fix).toBe(`xtokend init --group prosody --config ${machine.configuration}`);
    const command = finding?.fix?.replace('xtokend', PROGRAM) ?? '';
    expect(spawnSync('sh', ['-c', command]).status).toBe(0);
    expect(unreadable()).toEqual([]);
    const secret = join(machine.root, 'secret');
    const users = join(machine.root, 'users');
    writeFileSync(secret, 'a secret of more than sixteen characters', { mode: 0o600 });
    writeFileSync(users, 'alice\n', { mode: 0o600 });
    const seed = SECRETS.split('\n').find((line) => line.startsWith('otp_seed')) ?? '';
    writeFileSync(
      machine.configuration,
      `users = "file:${users}"\n${seed}\ntoken_secret_file = "${secret}"\n`,
    );
    expect(unreadable().map(({ fix }) => fix)).toEqual([
      `chown root:prosody ${secret} && chmod 640 ${secret}`,
      `chmod o+r ${users}`,
    ]);
  });

  it('notes that it reads another configuration, and reports that this one is missing', () => {
    const other = join(machine.root, 'other.toml');
    const { of } = machine.check(`xtoken_command = { "${PROGRAM}", "--config=${other}" }`);
    expect(of('prosody-other-configuration')).toEqual([
      `note: the xtokend that Prosody starts uses ${other}, and this check is for ${machine.configuration}; check without --config; or ${machine.command()}`,
    ]);
    expect(of('prosody-configuration-unreadable')).toEqual([
      expect.stringMatching(
        `^problem: .* there is no ${other}; xtokend init --group prosody --config ${other}$`,
      ),
    ]);
    rmSync(machine.configuration);
    const { of: ofMissing } = machine.check();
    expect(ofMissing('configuration-unreadable')).toHaveLength(1);
    expect([
      ...ofMissing('prosody-configuration-unreadable'),
      ...ofMissing('prosody-other-configuration'),
    ]).toEqual([]);
  });

  it('reports directories that user prosody may not use, with fixes that work', () => {
    const { data } = machine;
    const fixes = (): string[] =>
      machine
        .check()
        .findings.filter(({ code }) => code === 'prosody-state-unusable')
        .map(({ fix = '' }) => fix);
    const install = `install -d -o prosody -g prosody -m 700 ${machine.state}`;
    const give = `chown -hR prosody:prosody ${machine.state} && chmod 700 ${machine.state}`;
    expect(fixes()).toEqual([]);
    chownSync(data, 0, 0);
    chmodSync(data, 0o755);
    expect(fixes()).toEqual([install]);
    spawnSync('sh', ['-c', install]);
    expect(fixes()).toEqual([]);
    mkdirSync(join(machine.state, 'replay-cache'));
    expect(fixes()).toEqual([give]);
    chownSync(machine.state, 0, 0);
    expect(fixes()).toEqual([give]);
    spawnSync('sh', ['-c', give]);
    expect(fixes()).toEqual([]);
    writeFileSync(machine.configuration, `${SECRETS}[replay]\npath = "/root/xtokend"\n`);
    expect(fixes()).toEqual([`leave replay.path out: the replay cache is then in ${machine.state}`]);
  });
});
