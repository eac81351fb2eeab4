import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DISABLED } from '../servers/logins.js';
import { temporaryDirectory } from '../support/directory.js';
import { commandsBelow, replaced } from '../support/documents.js';
import { PROSODY_0_12 } from '../support/servers/prosody.js';
import { descendantsOf, findProgram, survivorsOf } from '../support/system/processes.js';
import { login, type LoginResult } from '../support/servers/xmpp-login.js';
import { PROGRAM, xtokend } from '../support/xtokend.js';
import { Demo, requireDemo } from './demo.js';

describe('npm run demo', () => {
  let demo: Demo | undefined;

  beforeEach((context) => {
    requireDemo(context, PROSODY_0_12);
  });

  afterEach(async () => {
    await demo?.stop();
    demo = undefined;
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'leaves no process after %s',
    async (signal) => {
      demo = await Demo.start(PROSODY_0_12.program);
      const { servers } = demo;
      expect(servers).toHaveLength(2);
      process.kill(demo.pid, signal);
      expect(await survivorsOf([demo.pid, ...servers], 10_000)).toEqual([]);
    },
  );

  it('starts Prosody again when it ends', async () => {
    demo = await Demo.start(PROSODY_0_12.program);
    const from = demo.output.length;
    const prosody = findProgram(descendantsOf(demo.pid), 'lua5.4');
    process.kill(prosody, 'SIGKILL');
    await demo.printed('Prosody ended unexpectedly', from);
    await demo.printed(' info listening ', from);
  });

  it('restarts Prosody once at a time, however fast Enter is pressed', async () => {
    demo = await Demo.start(PROSODY_0_12.program);
    for (let presses = 0; presses < 4; presses++) {
      demo.pressEnter();
      await sleep(50);
    }
    await demo.printed('Prosody restarted');
    await demo.restartProsody();
    expect(demo.output).not.toContain('ended unexpectedly');
    expect(demo.output).not.toContain('another program');
    await expect.poll(() => demo?.servers, { timeout: 10_000 }).toHaveLength(2);
  });

  it('does not start with another program on the port of Prosody', async () => {
    demo = await Demo.start(PROSODY_0_12.program);
    const { port } = new URL(demo.address);
    const { status, stderr } = spawnSync(process.execPath, ['start.js'], {
      cwd: 'examples/web-chat',
      env: { PATH: process.env['PATH'], PORT: '0', CHAT_PORT: port, DATA_DIRECTORY: demo.directory },
      encoding: 'utf8',
    });
    expect(stderr).toBe(
      `The demo can't start: another program uses port ${port}\nIs the demo already running? To use other ports: PORT=8090 CHAT_PORT=8091 DATA_DIRECTORY=DIR npm start\n`,
    );
    expect(status).toBe(1);
  });

  it('revokes a user with the command of its README', async () => {
    demo = await Demo.start(PROSODY_0_12.program);
    const service = `ws://127.0.0.1:${demo.chatPort}/xmpp-websocket`;
    const secrets = ['--config', join(demo.directory, 'xtokend.toml')];
    const logIn = (): Promise<LoginResult> => {
      const password = xtokend(['mint', ...secrets, 'alice@localhost']).stdout.trim();
      return login({ service, domain: 'localhost', username: 'alice', password });
    };
    expect(await logIn()).toEqual({ decision: 'accepted' });
    const [command = ''] = commandsBelow('examples/web-chat/README.md', 'The page with FAST').slice(-1);
    const cwd = temporaryDirectory();
    symlinkSync(demo.directory, join(cwd, 'data'));
    const line = replaced(command, '../../bin/xtokend', PROGRAM);
    const { stdout, stderr } = spawnSync('sh', ['-c', line], { cwd, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toContain('alice@localhost');
    expect(await logIn()).toEqual(DISABLED);
  });
});
