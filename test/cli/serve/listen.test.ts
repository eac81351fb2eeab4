import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseListenOption } from '../../../src/cli/serve/listeners.js';
import { UsageError } from '../../../src/cli/shared/usage-error.js';
import { generic } from '../../../src/protocol/generic.js';
import { ejabberd } from '../../../src/protocol/ejabberd.js';
import { ask } from '../../support/daemon/requests.js';
import { temporaryFile, temporaryDirectory } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { end } from '../../support/system/processes.js';
import { requireScript } from '../../support/run/requirements.js';
import { PROGRAM, startXtokend, xtokend } from '../../support/xtokend.js';

describe('parseListenOption', () => {
  it('reads a path and its settings', () => {
    expect(parseListenOption('unix:/run/a.sock', 'generic')).toEqual({
      path: '/run/a.sock',
      mode: 0o660,
      protocol: generic,
    });
    expect(parseListenOption('unix:/a b,protocol=ejabberd,mode=0600,group=chat', 'generic')).toEqual({
      path: '/a b',
      mode: 0o600,
      group: 'chat',
      protocol: ejabberd,
    });
    expect(parseListenOption('unix:/a,protocol=generic', 'ejabberd').protocol).toBe(generic);
    expect(parseListenOption('unix:/a,mode=666', 'ejabberd')).toMatchObject({
      mode: 0o666,
      protocol: ejabberd,
    });
  });

  it.each([
    ['/run/a.sock', 'an absolute path after unix:'],
    ['unix:a.sock', 'an absolute path after unix:'],
    ['unix:', 'an absolute path after unix:'],
    ['tcp:127.0.0.1:1', 'an absolute path after unix:'],
    ['unix:/a,mode=abc', 'a mode such as 0660'],
    ['unix:/a,mode=9', 'a mode such as 0660'],
    ['unix:/a,mode=4755', 'a mode such as 0660'],
    ['unix:/a,group=', 'the name of a group'],
    ['unix:/a,protocol=smtp', 'the protocol auto, generic, ejabberd or native'],
    ['unix:/a,protocol=toString', 'the protocol auto, generic, ejabberd or native'],
    ['unix:/a,user=root', 'mode, group or protocol'],
    ['unix:/a,', 'mode, group or protocol'],
  ])('rejects %s', (text, message) => {
    expect(() => parseListenOption(text, 'generic')).toThrow(UsageError);
    expect(() => parseListenOption(text, 'generic')).toThrow(message);
  });
});

describe('xtokend serve --listen', () => {
  it('answers on several sockets until SIGTERM, and removes them', async () => {
    const directory = temporaryDirectory();
    const config = temporaryFile(SECRETS);
    const addresses = [`unix:${directory}/a,mode=0600`, `unix:${directory}/b,protocol=ejabberd`];
    const child = startXtokend([
      '--config',
      config,
      ...addresses.flatMap((address) => ['--listen', address]),
    ]);
    let log = '';
    child.stderr.on('data', (data: Buffer) => (log += data.toString()));
    await expect.poll(() => log).toContain(`info listening path="${directory}/b"`);
    expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o600);
    expect(await ask(join(directory, 'a'), 'isuser:a:b\n')).toBe('1\n');
    expect(await ask(join(directory, 'b'), '\0\x0aisuser:a:b')).toBe('\0\x02\0\x01');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each([
    ['generic', 'ejabberd', 'auth:alice:example.com:secret-token\n'],
    ['ejabberd', 'generic', '\0\x23auth:alice:example.com:secret-token'],
  ])('logs that a client uses %s although %s is expected', async (spoken, expected, request) => {
    const path = join(temporaryDirectory(), 'socket');
    const address = `unix:${path},protocol=${expected}`;
    const child = startXtokend(['--config', temporaryFile(SECRETS), '--listen', address]);
    onTestFinished(() => end(child));
    let log = '';
    child.stderr.on('data', (data: Buffer) => (log += data.toString()));
    await expect.poll(() => log).toContain('listening');
    connect(path).resume().end(request);
    await expect.poll(() => log).toContain('reason="unknown-protocol"');
    expect(log).toContain(
      `error unanswered operation="malformed" reason="unknown-protocol" listener="${path}" cause="looks like the ${spoken} protocol, but the listener is set to ${expected}: `,
    );
    expect(log).not.toMatch(/secret-token|alice/);
  });

  it('ends with status 0 in the middle of a flood of requests and log lines', async () => {
    const path = join(temporaryDirectory(), 'socket');
    const child = startXtokend(['--config', temporaryFile(SECRETS), '--listen', `unix:${path}`]);
    child.stderr.resume();
    await expect.poll(() => ask(path, 'isuser:a:b\n').catch(() => '')).toBe('1\n');
    const requests = 'isuser:a:b\n'.repeat(3000);
    for (let count = 0; count < 8; count += 1) {
      const client = connect(path).resume();
      const flood = (): void => {
        while (!client.destroyed && client.write(requests));
        client.once('drain', flood);
      };
      client.on('connect', flood).on('error', () => undefined);
    }
    await sleep(600);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('starts again after it was killed, and fails if another one runs', async () => {
    const args = ['--config', temporaryFile(SECRETS), '--listen', `unix:${temporaryDirectory()}/socket`];
    const path = args[3]?.slice('unix:'.length) ?? '';
    for (let round = 0; round < 2; round += 1) {
      const child = startXtokend(args);
      await once(child.stderr, 'data');
      await expect.poll(() => ask(path, 'isuser:a:b\n').catch(() => '')).toBe('1\n');
      const second = xtokend(args);
      expect(second.status).toBe(2);
      const found = `process ${child.pid} (xtokend) already listens there: kill ${child.pid}, or choose another path`;
      expect(second.stderr).toContain(`cannot listen on ${path}: ${found}`);
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(existsSync(path)).toBe(true);
    }
  });

  it('does not start without a configuration', () => {
    const run = xtokend(['--config', '/no/such', '--listen', 'unix:/no/socket']);
    expect(run).toMatchObject({ status: 2, stdout: '' });
    expect(run.stderr).toContain('cannot read the configuration /no/such: there is no such file');
  });

  it('does not use a terminal, even one that another program controls', async (context) => {
    requireScript(context);
    const path = join(temporaryDirectory(), 'socket');
    const command = `stty raw -echo; exec ${PROGRAM} --config ${temporaryFile(SECRETS)} --listen unix:${path}`;
    // script(1) gives the program a terminal.
    const child = startXtokend(['-qec', command, '/dev/null'], {}, 'script');
    let screen = '';
    child.stdout.on('data', (data: Buffer) => (screen += data.toString()));
    await expect.poll(() => ask(path, 'isuser:a:b\n').catch(() => '')).toBe('1\n');
    child.stdin.write('isuser:a:b\n');
    await expect.poll(() => screen).toContain('info listening');
    await sleep(200);
    expect(screen).not.toMatch(/^1/m);
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
});
