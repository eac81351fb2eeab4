import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { OTHER_USER, requireRoot, sharedDirectory } from '../support/system/other-user.js';
import { xtokend, type Ended } from '../support/xtokend.js';

const JID = 'alice@example.com';

interface Machine {
  readonly config: string;
  readonly passwd: (args: readonly string[]) => Ended;
}

/** Makes a configuration with a file of app passwords. */
function configured(settings: string): Machine {
  const config = temporaryFile(`${SECRETS}${settings}`);
  const env = { STATE_DIRECTORY: temporaryDirectory() };
  return { config, passwd: (args) => xtokend(['passwd', ...args, '--config', config], { env }) };
}

describe('xtokend passwd, in a directory of another user', () => {
  it('writes as the owner of the directory if root runs it', (context) => {
    requireRoot(context);
    const directory = sharedDirectory(0o755, OTHER_USER, OTHER_USER);
    const file = join(directory, 'app-passwords');
    const machine = configured(`[passwords]\nstore = "file:${file}"\n`);
    expect(machine.passwd([JID, '--label', 'phone']).status).toBe(0);
    const { uid, gid, mode } = statSync(file);
    expect([uid, gid, mode & 0o777]).toEqual([OTHER_USER, OTHER_USER, 0o600]);
    expect(machine.passwd([JID, '--label', 'tablet']).status).toBe(0);
    expect(machine.passwd([JID, '--list']).stdout.split('\n')).toHaveLength(4);
    // Only its setgid bit gives a new file the group that the owner isn't in.
    chownSync(directory, OTHER_USER, 0);
    chownSync(file, OTHER_USER, 0);
    const refused = machine.passwd([JID, '--label', 'watch']);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toContain(`chgrp root '${directory}' && chmod g+s '${directory}'`);
    chmodSync(directory, 0o2755);
    expect(machine.passwd([JID, '--label', 'watch']).status).toBe(0);
    expect([statSync(file).uid, statSync(file).gid]).toEqual([OTHER_USER, 0]);
    // The owner leads to a directory of root.
    const target = temporaryDirectory();
    mkdirSync(join(target, 'sub'));
    writeFileSync(join(target, 'sub', 'app-passwords'), '');
    symlinkSync(join(target, 'sub'), join(directory, 'link'));
    const led = configured(`[passwords]\nstore = "file:${join(directory, 'link', 'app-passwords')}"\n`);
    const { status, stderr } = led.passwd([JID, '--label', 'phone']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/could make root write to other files/);
    expect(readFileSync(join(target, 'sub', 'app-passwords'), 'utf8')).toBe('');
  });

  it('gives the process of the owner no group and no variable of root', async (context) => {
    requireRoot(context);
    const directory = sharedDirectory(0o2755, OTHER_USER, 0);
    const file = join(directory, 'app-passwords');
    const { config } = configured(`[passwords]\nstore = "file:${file}"\n`);
    // It waits for the lock.
    mkdirSync(`${file}.lock`);
    const args = ['passwd', JID, '--label', 'phone', '--config', config];
    const root = spawn('bin/xtokend', args, { env: { ...process.env, VARIABLE_OF_ROOT: 'hunter2' } });
    const children = (): string =>
      readFileSync(`/proc/${String(root.pid)}/task/${String(root.pid)}/children`, 'utf8').trim();
    const ofChild = (name: string): string => readFileSync(`/proc/${children()}/${name}`, 'utf8');
    const commandOfChild = (): string => (children() === '' ? '' : ofChild('cmdline'));
    await expect.poll(commandOfChild, { timeout: 30_000 }).toContain('start-owner-job');
    expect(ofChild('status')).toMatch(new RegExp(`^Uid:\\t${OTHER_USER}\\b`, 'm'));
    expect(ofChild('status')).toMatch(
      new RegExp(`^Gid:\\t${OTHER_USER}\\t.*\\nFDSize:.*\\nGroups:\\t? *$`, 'm'),
    );
    expect(ofChild('environ')).not.toContain('VARIABLE_OF_ROOT');
    rmdirSync(`${file}.lock`);
    expect(await once(root, 'close')).toEqual([0, null]);
  });
});
