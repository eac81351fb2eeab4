import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findGroup } from '../../../src/system/accounts.js';
import { ProsodyMachine } from '../../support/daemon/prosody-machine.js';
import { OTHER_USER } from '../../support/system/other-user.js';
import { startXtokend } from '../../support/xtokend.js';

/** A group that Debian has, and to which Prosody's user does not belong. */
const GROUP = 'games';

let machine: ProsodyMachine;
let path = '';

beforeEach((context) => {
  machine = new ProsodyMachine(context);
  if (findGroup(GROUP) === undefined) context.skip(`this machine has no group ${GROUP}`);
  mkdirSync(join(machine.root, 'run'));
  path = join(machine.root, 'run/xtokend.sock');
});

/** Starts an xtokend, and gives its socket to a group. */
async function listen(gid: number): Promise<void> {
  const child = startXtokend(['--config', machine.configuration, '--listen', `unix:${path}`]);
  onTestFinished(() => void child.kill('SIGKILL'));
  while (!existsSync(path)) await once(child.stderr, 'data');
  chownSync(path, 0, gid);
}

/** Returns the findings with a code. */
function found(code: string): string[] {
  return machine.check(`xtoken_socket = "${path}"`).of(code);
}

describe('xtokend check, of the group of a socket', () => {
  it("adds Prosody's user to it", async () => {
    await listen(findGroup(GROUP) ?? 0);
    expect(found('socket-unreachable')).toEqual([
      `problem: user prosody may not connect to ${path} (root:${GROUP}, mode 0660); usermod --append --groups ${GROUP} prosody && systemctl restart prosody`,
    ]);
    // A group without access doesn't help.
    chmodSync(path, 0o600);
    expect(found('socket-unreachable')).toEqual([expect.not.stringContaining(`--groups ${GROUP}`)]);
  });

  it('adds nobody to a group that can read the secrets', async () => {
    const gid = findGroup(GROUP) ?? 0;
    chownSync(machine.configuration, 0, gid);
    await listen(gid);
    const [finding = ''] = found('socket-unreachable');
    expect(finding).toContain(
      'usermod --append --groups xtokend-socket prosody && systemctl restart prosody',
    );
    expect(finding).not.toContain(`--groups ${GROUP}`);
    chmodSync(machine.configuration, 0o600);
    expect(found('socket-unreachable')).toEqual([expect.stringContaining(`--groups ${GROUP} prosody`)]);
  });

  it('reports a Prosody that was started before its user was in it', async () => {
    await listen(machine.gid);
    const program = join(machine.root, 'prosody');
    writeFileSync(program, '#!/bin/sh\necho\nread -r line\n', { mode: 0o755 });
    // As a process that was started before it got this group.
    const child = spawn(program, { uid: machine.account.uid, gid: OTHER_USER, cwd: '/', stdio: 'pipe' });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const group = 'it was started before user prosody was added to the group prosody';
    expect(found('socket-group-old')).toEqual([
      `problem: Prosody (process ${child.pid}) may not connect to ${path}: ${group}; systemctl restart prosody`,
    ]);
    expect(found('socket-ok')).toEqual([]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(found('socket-group-old')).toEqual([]);
    expect(found('socket-ok')).toHaveLength(1);
  });
});
