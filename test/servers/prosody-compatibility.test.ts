import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Daemon } from '../support/daemon/daemon.js';
import { SECRETS } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { login, type LoginResult } from '../support/servers/xmpp-login.js';
import { ACCEPTED, newUser, tokenOf } from './logins.js';

const NO_ACCOUNTS = 'Accounts are managed by the application that signs the tokens.';

/** Registers its own X-TOKEN, and calls the same function of the provider as mod_sasl_token, which Debian does not package. */
const SASL_TOKEN = `
local sasl = require "util.sasl";
sasl.registerMechanism("X-TOKEN", { "token" }, function (self, message)
	local username, password = message:match("^[^%z]*%z([^%z]+)%z([^%z]+)$");
	local correct, state = self.profile.token(self, username, password, self.realm);
	self.username = username;
	if state and correct then return "success"; end
	return "failure", "not-authorized", "mod_sasl_token";
end);
`;

describe.each(releases)('mod_auth_xtoken works with other modules of $name', (release) => {
  let daemon: Daemon;
  let prosody: Prosody;

  beforeAll(async () => {
    if (!isInstalled(release)) return undefined;
    daemon = new Daemon(`${SECRETS}\n[hosts."example.com"]\n[hosts."seen.example"]\nusers = "seen"`);
    await daemon.start();
    const plugins = mkdtempSync(join(tmpdir(), 'xtokend-plugins-'));
    writeFileSync(join(plugins, 'mod_sasl_token.lua'), SASL_TOKEN);
    // On each host, so that it is the last one to register X-TOKEN, whichever host Prosody loads last.
    const modules = 'modules_enabled = { "sasl_token" }';
    prosody = await Prosody.start({
      release,
      socketPath: daemon.socketPath,
      plugins: [plugins],
      settings: modules,
      more: `VirtualHost "seen.example" authentication = "xtoken" xtoken_socket = "${daemon.socketPath}" ${modules}`,
    });
    return async () => {
      await prosody.stop();
      await daemon.remove();
      rmSync(plugins, { recursive: true });
    };
  });

  beforeEach((context) => {
    requirePackage(context, isInstalled(release), release.name);
  });

  it.each([
    [
      'list',
      'example.com',
      'The users can\'t be listed: xtokend keeps no list of users. Set users = "seen" .*',
    ],
    ['create', 'alice@seen.example', `Could not create user: ${NO_ACCOUNTS}`],
    ['create', 'alice@example.com', 'User exists'],
    ['password', 'alice@example.com', `Could not change password for user: ${NO_ACCOUNTS}`],
    ['delete', 'alice@example.com', `Could not delete user: ${NO_ACCOUNTS}`],
    ['delete', 'alice@seen.example', 'No such user'],
  ])('prosodyctl shell user %s %s: %s', async (command, name, expected) => {
    const hasPassword = command === 'create' || command === 'password';
    const output = await prosody.shell('user', command, name, ...(hasPassword ? ['some-password'] : []));
    expect(output.split('\n')).toContainEqual(expect.stringMatching(new RegExp(`^(Error: )?${expected}$`)));
    expect(output).not.toContain('nil value');
  });

  it('prosodyctl shell user list seen.example, after logins', async () => {
    const service = prosody.service('TCP');
    const users = Array.from({ length: 3 }, newUser);
    for (const username of users) {
      const password = tokenOf(`${username}@seen.example`);
      expect(await login({ service, domain: 'seen.example', username, password })).toEqual(ACCEPTED);
    }
    const list = async (): Promise<string[]> =>
      (await prosody.shell('user', 'list', 'seen.example')).split('\n');
    await expect.poll(list).toEqual(expect.arrayContaining(users.map((user) => `${user}@seen.example`)));
    expect(await list()).toContainEqual(expect.stringMatching(/^OK: Showing all \d+ users$/));
  });

  it('mod_sasl_token, which has another X-TOKEN', async () => {
    const [username, service] = [newUser(), prosody.service('TCP')];
    const logIn = (password: string): Promise<LoginResult> =>
      login({ service, domain: 'example.com', username, password, mechanism: 'X-TOKEN', wantsText: true });
    expect(await logIn(tokenOf(`${username}@example.com`))).toEqual(ACCEPTED);
    const refused = { decision: 'refused', condition: 'not-authorized', text: 'mod_sasl_token' };
    expect(await logIn('some-password')).toMatchObject(refused);
  });
});
