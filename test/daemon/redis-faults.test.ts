import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { login } from '../support/daemon/requests.js';
import { FakeRedis } from '../support/servers/fake-redis.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { hasRedis, RedisServer } from '../support/servers/redis.js';
import { requirePackage } from '../support/run/requirements.js';
import { runXtokend, startXtokend } from '../support/xtokend.js';

const PASSWORD = 'hunter2/secret';
const ANSWERED_WITHIN = 10_000;
const text = (value: string): string => `$${value.length}\r\n${value}\r\n`;

/** Returns the path of a configuration with a Redis and its password. */
function configurationFor(url: string, more = ''): string {
  const password = join(temporaryDirectory(), 'redis-password');
  writeFileSync(password, PASSWORD);
  const replay = `[replay]\nstore = "redis"\nurl = "${url}"\npassword_file = "${password}"\n${more}`;
  return temporaryFile(`users = "seen"\n${SECRETS}${replay}`);
}

async function start(reply: (command: string[]) => string): Promise<FakeRedis> {
  const server = await FakeRedis.start(0, reply);
  onTestFinished(() => server.stop());
  return server;
}

/** Returns all that a daemon and `check` print about a Redis. */
async function outputAbout(configuration: string): Promise<string> {
  const daemon = await runXtokend(['--config', configuration], {
    input: `${login('alice')}\nisuser:alice:example.com\n`,
  });
  expect(daemon.stdout).toBe('0\n0\n');
  const check = await runXtokend(['check', '--config', configuration]);
  return daemon.stderr + check.stdout + check.stderr;
}

describe('the password of a Redis that quotes it in an error', () => {
  it('is not printed if AUTH is renamed', async (context) => {
    requirePackage(context, hasRedis(), 'redis-server');
    const redis = await RedisServer.start(['--rename-command', 'AUTH', '']);
    onTestFinished(() => redis.remove());
    const output = await outputAbout(configurationFor(redis.url));
    expect(output).toContain('rename no command (rename-command)');
    expect(output).not.toContain('hunter2');
  });

  it.each<[string, string, string]>([
    ['an unknown error', `-ERR you said ${PASSWORD}\r\n`, 'it replies with an error that is not shown'],
    ['a word of capitals', `-HUNTER2 ${PASSWORD}\r\n`, 'it replies with an error that is not shown'],
    ['a known error', `-WRONGPASS ${PASSWORD} is wrong\r\n`, 'it refuses the user or the password'],
    ['a text for everything', text(PASSWORD), 'its replies are not those of Redis'],
  ])('is not printed after %s', async (_, reply, message) => {
    const { url } = await start(([name]) => (name === 'client' ? '+OK\r\n' : reply));
    const output = await outputAbout(configurationFor(url));
    expect(output).toContain(message);
    expect(output).not.toMatch(/hunter2/i);
  });

  it('is not printed after an error of a Sentinel', async () => {
    const { url } = await start(() => `-ERR you said ${PASSWORD}\r\n`);
    const output = await outputAbout(configurationFor(url, 'sentinel_master = "main"\n'));
    expect(output).toContain('it replies with an error that is not shown');
    expect(output).not.toContain('hunter2');
  });
});

describe('the bundle', () => {
  it('prints nothing that ioredis does', () => {
    for (const file of readdirSync('dist').filter((name) => /\.c?js$/.test(name))) {
      const code = readFileSync(join('dist', file), 'utf8').replace(/^\s*\*.*$/gm, '');
      expect(code, file).not.toMatch(/process\.env\.DEBUG|\bconsole\.\w+\(/);
    }
  });

  it.each([{ DEBUG: '*' }, { NODE_DEBUG: 'stream,net,tls,http' }])(
    'prints no password with %j in the environment',
    async (env) => {
      const { url } = await start(([name]) => (name === 'info' ? text('loading:0\r\n') : '+OK\r\n'));
      const child = startXtokend(['--config', configurationFor(url)], env);
      let output = '';
      child.stdout.on('data', (data: Buffer) => (output += data.toString()));
      child.stderr.on('data', (data: Buffer) => (output += data.toString()));
      child.stdin.end(`${login('alice')}\n`);
      await new Promise((resolve) => child.once('close', resolve));
      expect(output).toContain('reason="replay-cache-unavailable"');
      // Node prints bytes in hexadecimal.
      expect(output).not.toMatch(/hunter2|ioredis|<Buffer/);
    },
  );
});

describe('a Sentinel that accepts connections and never replies', () => {
  it('delays no request beyond the deadline', async () => {
    const { url } = await start(() => '');
    const child = startXtokend(['--config', configurationFor(url, 'sentinel_master = "main"\n')]);
    onTestFinished(() => void child.kill());
    let [answers, log] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (answers += data.toString()));
    child.stderr.on('data', (data: Buffer) => (log += data.toString()));
    const requests = Array.from({ length: 14 }, (_, index) =>
      index % 3 === 2 ? login(`user${index}`) : `isuser:user${index}:example.com`,
    );
    for (let round = 0; round < 2; round += 1) {
      answers = '';
      child.stdin.write(requests.map((request) => `${request}\n`).join(''));
      await expect.poll(() => answers, { timeout: ANSWERED_WITHIN }).toBe('0\n'.repeat(14));
    }
    expect(log).toMatch(/reason="replay-cache-unavailable" jid="user0@example.com"/);
    expect(log).toMatch(/revocations unavailable; refusing all users cause=".*no answer within/);
  });
});
