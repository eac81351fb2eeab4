import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAppPassword, removeAppPassword } from '../../src/index.js';
import { Daemon } from '../support/daemon/daemon.js';
import { SECRETS } from '../support/keys.js';
import { HttpEnd } from '../support/passwords/http-end.js';
import { writeScripts, type PasswordScripts } from '../support/passwords/scripts.js';
import { requirePackage } from '../support/run/requirements.js';
import { isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { login, type LoginOptions, type LoginResult } from '../support/servers/xmpp-login.js';
import { ACCEPTED, DISABLED, newUser, outcomesIn, REFUSED, tokenOf, UNAVAILABLE } from './logins.js';

// The search of the logs after all tests looks for the first word.
const APP_PASSWORD = 'hunter2-app-password';
const SCRIPT_PASSWORD = 'hunter2 of a script';
const HTTP_PASSWORD = 'hunter2: of an application';
const HOSTS = ['tokens.example', 'limited.example', 'broken.example', 'changing.example'];

describe.each(releases)('$name with tokens and passwords', { timeout: 30_000 }, (release) => {
  let directory: string;
  let scripts: PasswordScripts;
  let http: HttpEnd;
  let daemon: Daemon;
  let prosody: Prosody;

  /** Returns a configuration. @param changing the table of passwords of changing.example */
  const configurationWith = (changing: string): string => `
    ${SECRETS}
    users = "passwords"
    blocked_users = "file:${directory}/blocked"
    [passwords]
    store = "file:${directory}/app-passwords"
    ${scripts.check('users', [`bob:example.com:${SCRIPT_PASSWORD}`, `mallory:example.com:${SCRIPT_PASSWORD}`])}
    ${http.settingsIn(directory)}
    [hosts."example.com"]
    [hosts."tokens.example"]
    users = "any"
    [hosts."tokens.example".passwords]
    [hosts."limited.example".passwords]
    ${scripts.check('limited', [`bob:limited.example:${SCRIPT_PASSWORD}`])}
    [hosts."limited.example".passwords.limits]
    user_from_address = 3
    [hosts."broken.example".passwords]
    ${scripts.broken}
    [hosts."changing.example"]
    users = "any"
    [hosts."changing.example".passwords]
    ${changing}
    [replay]
    path = "${directory}/state/xtokend"`;

  beforeAll(async () => {
    if (!isInstalled(release)) return undefined;
    directory = mkdtempSync(join(tmpdir(), 'xtokend-passwords-'));
    mkdirSync(join(directory, 'state'), { mode: 0o700 });
    writeFileSync(join(directory, 'blocked'), 'mallory\n');
    scripts = writeScripts(directory);
    http = new HttpEnd();
    await http.start();
    http.passwords.set('carol@example.com', HTTP_PASSWORD).set('dave@example.com', HTTP_PASSWORD);
    http.disabled.add('dave@example.com');
    const file = join(directory, 'app-passwords');
    await createAppPassword({ file, jid: 'alice@example.com', label: 'phone', password: APP_PASSWORD });
    daemon = new Daemon(
      configurationWith(scripts.check('first', [`bob:changing.example:${SCRIPT_PASSWORD}`])),
    );
    await daemon.start();
    const hosts = HOSTS.map(
      (host) => `VirtualHost "${host}" authentication = "xtoken" xtoken_socket = "${daemon.socketPath}"`,
    );
    prosody = await Prosody.start({ release, socketPath: daemon.socketPath, more: hosts.join('\n') });
    return async () => {
      await prosody.stop();
      await daemon.remove();
      await http.stop();
      rmSync(directory, { recursive: true });
    };
  });

  beforeEach((context) => {
    requirePackage(context, isInstalled(release), release.name);
  });

  const logIn = (jid: string, password: string, more: Partial<LoginOptions> = {}): Promise<LoginResult> => {
    const [username = '', domain = ''] = jid.split('@');
    return login({ service: prosody.service('TCP'), domain, username, password, ...more });
  };

  describe.each(['TCP', 'WebSocket'] as const)('over %s', (transport) => {
    it.each([
      ['an app password', 'app-passwords', 'alice@example.com', APP_PASSWORD],
      ['the password of a script', 'command', 'bob@example.com', SCRIPT_PASSWORD],
      ['the password of an application', 'http', 'carol@example.com', HTTP_PASSWORD],
    ])('accepts %s again and again, and no other', async (_, backend, jid, password) => {
      const service = prosody.service(transport);
      const before = daemon.log.length;
      expect(await logIn(jid, password, { service })).toEqual(ACCEPTED);
      expect(await logIn(jid, `${password}!`, { service })).toEqual(REFUSED);
      expect(await logIn(`x${jid}`, password, { service })).toEqual(REFUSED);
      expect(await logIn(jid, password, { service })).toEqual(ACCEPTED);
      const outcomes = (): string[] => outcomesIn(daemon.log.slice(before), jid);
      await expect.poll(outcomes).toEqual(['accepted', 'wrong-password', 'accepted']);
      expect(daemon.log.slice(before)).toContain(`backend="${backend}"`);
    });

    it.each(['PLAIN', 'X-TOKEN'] as const)(
      'accepts the token of the same user with %s',
      async (mechanism) => {
        const options = { service: prosody.service(transport), mechanism };
        const asked = http.questions.length;
        expect(await logIn('alice@example.com', tokenOf('alice@example.com'), options)).toEqual(ACCEPTED);
        // Neither a valid nor an invalid token reaches a back end.
        const wrong = await logIn('alice@example.com', tokenOf('bob@example.com'), options);
        expect(wrong).toEqual(REFUSED);
        expect(http.questions).toHaveLength(asked);
      },
    );

    it('tells that a password can be right, but the account is disabled', async () => {
      const service = prosody.service(transport);
      expect(await logIn('dave@example.com', HTTP_PASSWORD, { service })).toEqual(DISABLED);
      expect(await logIn('dave@example.com', 'wrong', { service })).toEqual(REFUSED);
      expect(await logIn('mallory@example.com', SCRIPT_PASSWORD, { service })).toEqual(DISABLED);
      expect(await logIn('mallory@example.com', 'wrong', { service })).toEqual(REFUSED);
    });

    it('reports a back end that is down as temporary', async () => {
      const service = prosody.service(transport);
      expect(await logIn('bob@broken.example', SCRIPT_PASSWORD, { service })).toEqual(UNAVAILABLE);
    });

    it('refuses passwords on a host that has turned them off', async () => {
      const service = prosody.service(transport);
      expect(await logIn('bob@tokens.example', SCRIPT_PASSWORD, { service })).toEqual(REFUSED);
      const token = tokenOf('bob@tokens.example');
      expect(await logIn('bob@tokens.example', token, { service })).toEqual(ACCEPTED);
    });
  });

  it('throttles after wrong passwords, but accepts tokens of the user', async () => {
    const user = 'bob@limited.example';
    for (let count = 0; count < 3; count += 1) expect(await logIn(user, `wrong ${count}`)).toEqual(REFUSED);
    expect(await logIn(user, 'wrong again')).toEqual(UNAVAILABLE);
    expect(await logIn(user, SCRIPT_PASSWORD)).toEqual(UNAVAILABLE);
    expect(await logIn(user, tokenOf(user))).toEqual(ACCEPTED);
    const outcomes = (): string[] => outcomesIn(daemon.log, user).slice(-3);
    await expect.poll(outcomes).toEqual(['throttled', 'throttled', 'accepted']);
  });

  it('refuses an app password as soon as it is removed', async () => {
    const file = join(directory, 'app-passwords');
    const jid = `${newUser()}@example.com`;
    const { password } = await createAppPassword({ file, jid, label: 'tablet' });
    expect(await logIn(jid, password)).toEqual(ACCEPTED);
    await removeAppPassword({ file, jid, label: 'tablet' });
    expect(await logIn(jid, password)).toEqual(REFUSED);
  });

  it.each([
    ['alice', true],
    ['bob', true],
    ['carol', true],
    ['nobody', false],
    ['mallory', false],
  ])('knows from the back ends whether %s exists: %s', async (user, exists) => {
    const output = await prosody.shell(`> require "core.usermanager".user_exists("${user}", "example.com")`);
    expect(output).toContain(exists ? 'Result: true' : 'Result: false');
  });

  it('applies a changed script, and turns passwords off, by a reload', async () => {
    const bob = 'bob@changing.example';
    expect(await logIn(bob, SCRIPT_PASSWORD)).toEqual(ACCEPTED);
    const changed = 'hunter2 after a change';
    await daemon.reload(configurationWith(scripts.check('second', [`bob:changing.example:${changed}`])));
    expect(await logIn(bob, SCRIPT_PASSWORD)).toEqual(REFUSED);
    expect(await logIn(bob, changed)).toEqual(ACCEPTED);
    await daemon.reload(configurationWith(''));
    expect(await logIn(bob, changed)).toEqual(REFUSED);
    expect(await logIn(bob, tokenOf(bob))).toEqual(ACCEPTED);
    expect(await logIn('bob@example.com', SCRIPT_PASSWORD)).toEqual(ACCEPTED);
    await expect
      .poll(() => outcomesIn(daemon.log, bob))
      .toEqual(['accepted', 'wrong-password', 'accepted', 'malformed-token', 'accepted']);
  });

  it('reports an application that is down as temporary, and recovers', async () => {
    await http.stop();
    expect(await logIn('carol@example.com', HTTP_PASSWORD)).toEqual(UNAVAILABLE);
    // Other back ends, and tokens, do not depend on it.
    expect(await logIn('bob@example.com', SCRIPT_PASSWORD)).toEqual(ACCEPTED);
    expect(await logIn('carol@example.com', tokenOf('carol@example.com'))).toEqual(ACCEPTED);
    await http.start();
    expect(await logIn('carol@example.com', HTTP_PASSWORD)).toEqual(ACCEPTED);
    await expect.poll(() => daemon.log).toContain('error password back end unavailable backend="http"');
  });
});
