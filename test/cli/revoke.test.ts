import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { hasRedis, RedisServer } from '../support/servers/redis.js';
import { startXtokend, xtokend, type Ended } from '../support/xtokend.js';

const JID = 'alice@example.com';
/** How long a daemon may use what it knows, and time for a busy machine. */
const NOTICED_WITHIN = 3000;

/** A configuration, and the state directory of the machine that uses it. */
class Machine {
  readonly config: string;
  readonly state = temporaryDirectory();

  constructor(settings = '') {
    this.config = temporaryFile(`${SECRETS}${settings}`);
  }

  run(...args: string[]): Ended {
    return xtokend([...args, '--config', this.config], { env: { STATE_DIRECTORY: this.state } });
  }

  /** Starts a daemon. @returns a function that asks it about a user: "1" or "0" */
  startDaemon(): () => Promise<string> {
    const child = startXtokend(['--config', this.config], { STATE_DIRECTORY: this.state });
    onTestFinished(() => void child.kill('SIGKILL'));
    return () => ask(child);
  }
}

function ask(child: ChildProcessWithoutNullStreams): Promise<string> {
  return new Promise((resolve) => {
    child.stdout.once('data', (data: Buffer) => {
      resolve(data.toString().trim());
    });
    child.stdin.write(`isuser:alice:example.com\n`);
  });
}

describe('xtokend revoke', () => {
  it('blocks a user of a running daemon at once, until it is undone', async () => {
    const machine = new Machine();
    const isUser = machine.startDaemon();
    expect(await isUser()).toBe('1');
    const { status, stdout, stderr } = machine.run('revoke', 'Alice@EXAMPLE.com');
    expect(status).toBe(0);
    // A daemon that can't write there would not read it either.
    expect(stderr).toContain(`xtokend: no login has used ${machine.state} yet.`);
    mkdirSync(join(machine.state, 'replay-cache'));
    expect(machine.run('revoke', JID).stderr).toBe('');
    expect(stdout).toContain(`Revoked ${JID} in ${machine.state}.`);
    await expect.poll(isUser, { timeout: NOTICED_WITHIN }).toBe('0');
    expect(machine.run('revoke', '--list').stdout).toMatch(
      /^\d{4}-\d\d-\d\d [\d:]{8} \+00:00 alice@example\.com\n$/,
    );
    expect(machine.run('revoke', '--undo', JID)).toMatchObject({ status: 0 });
    await expect.poll(isUser, { timeout: NOTICED_WITHIN }).toBe('1');
    expect(machine.run('revoke', '--list').stdout).toBe('');
  });

  it('blocks a user after a restart as well, and keeps the time of an undone revocation', () => {
    const machine = new Machine();
    machine.run('revoke', JID);
    const asked = xtokend(['--config', machine.config], {
      input: 'isuser:alice:example.com\nisuser:bob:example.com\n',
      env: { STATE_DIRECTORY: machine.state },
    });
    expect(asked.stdout).toBe('0\n1\n');
    machine.run('revoke', '--undo', JID);
    const lines = readFileSync(join(machine.state, 'revocations'), 'utf8').trim().split('\n');
    const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).toEqual({ jid: JID, revokedAt: expect.any(Number) as number, isBlocked: true });
    expect(second).toEqual({ ...first, isBlocked: false });
  });

  it('blocks a user on all machines that share a Redis, also while that is down', async (context) => {
    requirePackage(context, hasRedis(), 'redis-server');
    const server = await RedisServer.start();
    onTestFinished(() => server.remove());
    const settings = `[replay]\nstore = "redis"\nurl = "${server.url}"\n`;
    const [here, there] = [new Machine(settings), new Machine(settings)];
    const daemons = [here.startDaemon(), there.startDaemon()];
    for (const isUser of daemons) await expect.poll(isUser).toBe('1');
    expect(here.run('revoke', JID).stdout).toContain(`Revoked ${JID} in Redis.`);
    for (const isUser of daemons) await expect.poll(isUser, { timeout: NOTICED_WITHIN }).toBe('0');
    expect(there.run('revoke', '--list').stdout).toContain(JID);
    await server.stop();
    for (const isUser of daemons) expect(await isUser()).toBe('0');
    const { status, stderr } = here.run('revoke', '--undo', JID);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^xtokend: redis:\/\/127\.0\.0\.1:\d+: nothing listens there: .*\n$/);
  });

  it.each<[string, string, string[], RegExp]>([
    [
      'a user who is not revoked',
      '',
      ['--undo', JID],
      /^xtokend: alice@example\.com is not revoked; nothing to undo\n$/,
    ],
    ['no user', '', [], /expected a JID such as alice@example\.com, or --list/],
    ['a user and a list', '', ['--list', JID], /expected a JID such as alice@example\.com, or --list/],
    ['a name', '', ['alice'], /expected a JID like user@example\.com/],
    ['another host', '[hosts."a.example"]\n', [JID], /example\.com is not one of the hosts/],
    [
      'the memory',
      '[replay]\nstore = "memory"\n',
      [JID],
      /Add the user to the file of blocked_users instead/,
    ],
  ])('does nothing for %s, and tells why', (_, settings, args, expected) => {
    const machine = new Machine(settings);
    const { status, stdout, stderr } = machine.run('revoke', ...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(expected);
  });

  it('blocks a user of a daemon that Prosody starts, which has a directory of its own', () => {
    const data = temporaryDirectory();
    const prosody = temporaryFile(
      `data_path = "${data}"\nVirtualHost "example.com"\n  authentication = "xtoken"\n  xtoken_command = "/usr/bin/xtokend"\n`,
    );
    const { config } = new Machine();
    // Only reads, because this machine can have an xtokend of its own.
    const list = (): Ended =>
      xtokend(['revoke', '--list', '--config', config, '--prosody', prosody], {
        env: { STATE_DIRECTORY: undefined },
      });
    mkdirSync(join(data, 'xtokend'));
    const entry = { jid: JID, revokedAt: 1, isBlocked: true };
    writeFileSync(join(data, 'xtokend', 'revocations'), `${JSON.stringify(entry)}\n`);
    expect(list().stdout).toContain(JID);
    rmSync(prosody);
    mkdirSync(prosody);
    expect(list()).toMatchObject({ status: 2, stderr: expect.stringContaining(prosody) as string });
  });

  it('does not create the state directory of a daemon, which would then belong to another user', () => {
    const machine = new Machine();
    rmSync(machine.state, { recursive: true });
    const { status, stderr } = machine.run('revoke', JID);
    expect(status).toBe(2);
    expect(stderr).toMatch(/expected the state directory of xtokend, found none\. Start xtokend/);
    mkdirSync(machine.state);
    writeFileSync(join(machine.state, 'revocations'), 'x}\n');
    expect(machine.run('revoke', '--list').stderr).toContain('line 1 was not written by "xtokend revoke"');
  });
});
