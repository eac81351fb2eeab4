import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createAppPassword } from '../../src/index.js';
import type { NativeConnection } from '../support/daemon/native-connection.js';
import { BEARER } from '../support/passwords/http-end.js';
import { startPasswordDaemon, type PasswordParts } from '../support/passwords/password-daemon.js';
import { requirePackage } from '../support/run/requirements.js';
import { hasRedis, RedisServer } from '../support/servers/redis.js';
import { descendantsOf } from '../support/system/processes.js';

const APP_PASSWORD = 'hunter2-app-password';
const SCRIPT_PASSWORD = 'hunter2-of-a-script';
const HTTP_PASSWORD = 'hunter2-of-an-application';
/** A part of all passwords, as text and as base64, and the bearer token. */
const SECRET = new RegExp(`hunter2|aHVudGVy|h1bnRlcj|odW50ZXIy|${BEARER}`, 'i');

/** Logins that are answered at once, and their outcomes. */
const LOGINS = [
  ['alice@example.com', APP_PASSWORD, 'accepted'],
  ['bob@example.com', SCRIPT_PASSWORD, 'accepted'],
  ['carol@example.com', HTTP_PASSWORD, 'accepted'],
  ['dave@example.com', HTTP_PASSWORD, 'blocked-user'],
  ['alice@example.com', 'hunter2-wrong', 'wrong-password'],
  ['alice@broken.example', 'hunter2-broken', 'password-backend-unavailable'],
  ['alice@echo.example', 'hunter2-echo', 'password-backend-unavailable'],
  ['alice@tokens.example', 'hunter2-on-a-host-without-passwords', 'malformed-token'],
] as const;

/** Returns a configuration in which the script of echo.example repeats its input everywhere. */
function settingsWith({ directory, scripts, http }: PasswordParts): string {
  const echo = join(directory, 'echo');
  const script = '#!/bin/sh\nread -r line\necho "$line" >&2\necho "$line"\nexec sleep 1000\n';
  writeFileSync(echo, script, { mode: 0o755 });
  return `
    [passwords]
    store = "file:${directory}/app-passwords"
    ${scripts.check('users', [`bob:example.com:${SCRIPT_PASSWORD}`])}
    ${http.settingsIn(directory)}
    [passwords.limits]
    user_from_address = 2
    [hosts."example.com"]
    [hosts."hung.example".passwords]
    ${scripts.hung}
    [hosts."broken.example".passwords]
    ${scripts.broken}
    [hosts."echo.example".passwords]
    command = ["${echo}"]
    [hosts."tokens.example".passwords]
`;
}

/** Tries all logins, and more passwords than the limits allow. */
async function useAll(connection: NativeConnection): Promise<void> {
  const outcomeOf = (jid: string, password: string): Promise<string> => {
    const [user = '', host = ''] = jid.split('@');
    return connection.outcomeOf({ user, host, password, client: '192.0.2.1' });
  };
  for (const [jid, password, outcome] of LOGINS) expect(await outcomeOf(jid, password)).toBe(outcome);
  expect(await outcomeOf('alice@example.com', 'hunter2-again')).toBe('wrong-password');
  expect(await outcomeOf('alice@example.com', 'hunter2-throttled')).toBe('throttled');
}

/** Returns the files below a directory, each with its path and its content. */
function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => `${path}\n${readFileSync(path, 'latin1')}`);
}

/** Returns the arguments and the environment of a process. */
function visibleOf(pid: number): string {
  return ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')).join('\n');
}

describe('no password is', { timeout: 30_000 }, () => {
  let directory = '';

  /** Starts a daemon, uses all back ends, and leaves a login waiting for a script. @param more settings of the log and the store */
  const start = async (
    more: (parts: PasswordParts) => string,
  ): Promise<{ log: () => string; pid: number }> => {
    const started = await startPasswordDaemon(
      (parts) => settingsWith(parts) + more(parts),
      'answer_within = 30',
    );
    const { daemon, http } = started;
    directory = started.directory;
    const file = join(directory, 'app-passwords');
    await createAppPassword({ file, jid: 'alice@example.com', label: 'phone', password: APP_PASSWORD });
    http.passwords.set('carol@example.com', HTTP_PASSWORD).set('dave@example.com', HTTP_PASSWORD);
    http.disabled.add('dave@example.com');
    const connection = await started.connect();
    await useAll(connection);
    void connection.logIn({ user: 'alice', host: 'hung.example', password: 'hunter2-hung' });
    await expect.poll(() => descendantsOf(daemon.pid).map(visibleOf).join('')).toContain('sleep');
    return { log: () => daemon.log, pid: daemon.pid };
  };

  it.each(['plain', 'json'])('in the log in format %s', async (format) => {
    const { log } = await start(() => `[log]\nformat = "${format}"\n`);
    await expect.poll(log).toContain('throttled');
    expect(log()).toContain('password back end unavailable');
    expect(log()).not.toMatch(SECRET);
  });

  it('in the arguments or the environment of a process', async () => {
    const { pid } = await start(() => '');
    const children = descendantsOf(pid);
    expect(children.length).toBeGreaterThan(1);
    for (const process of [pid, ...children]) expect(visibleOf(process)).not.toMatch(SECRET);
  });

  it('in the state directory, or in the file of app passwords', async () => {
    await start((parts) => `[replay]\npath = "${parts.directory}/state/xtokend"\n`);
    const files = (): string[] => filesIn(join(directory, 'state'));
    await expect.poll(files).toContainEqual(expect.stringContaining('last-uses'));
    for (const file of files()) expect(file).not.toMatch(SECRET);
    expect(readFileSync(join(directory, 'app-passwords'), 'utf8')).not.toMatch(SECRET);
  });

  describe('in Redis', () => {
    beforeEach((context) => {
      requirePackage(context, hasRedis(), 'redis-server');
    });

    it('nor a user name', async () => {
      const redis = await RedisServer.start();
      onTestFinished(() => redis.remove());
      await start(() => `[replay]\nstore = "redis"\nurl = "${redis.url}"\n`);
      await expect.poll(() => redis.keys('*last-uses')).toHaveLength(1);
      const entries = redis.keys('*').map((key) => {
        const read = redis.cli('type', key).trim() === 'hash' ? 'hgetall' : 'get';
        return `${key}\n${redis.cli(read, key)}`;
      });
      // The buckets of three limits, and the logins that are known.
      expect(entries.length).toBeGreaterThan(4);
      for (const entry of entries) expect(entry).not.toMatch(/WRONGTYPE|alice|bob|carol|192\.0\.2|example/);
      for (const entry of entries) expect(entry).not.toMatch(SECRET);
    });
  });
});
