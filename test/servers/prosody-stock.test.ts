import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { check } from '../support/daemon/check.js';
import { temporaryFile } from '../support/directory.js';
import { descendantsOf, findProgram, survivorsOf } from '../support/system/processes.js';
import { Prosody, releases } from '../support/servers/prosody.js';
import { login } from '../support/servers/xmpp-login.js';
import { ACCEPTED, loginsTo, newUser, REFUSED, tokenOf } from './logins.js';
import {
  requireStockModule,
  STOCK_CONFIGURATION,
  stockEnvironment,
  stockSettings,
} from './stock/settings.js';

const LOGINS = 30;
const KILL_EVERY = 10;

describe.each(releases)('$name with the stock module', { timeout: 90_000 }, (release) => {
  let prosody: Prosody;

  beforeEach(async (context) => {
    requireStockModule(context, release);
    const env = stockEnvironment(temporaryFile(STOCK_CONFIGURATION));
    prosody = await Prosody.start({ release, configuration: stockSettings(2), env });
  });

  afterEach(() => prosody.stop());

  const { logIn, logInValid } = loginsTo(() => prosody);

  it('gives no login the outcome of another, from the first login on and while Node is killed', async () => {
    let accepted = 0;
    for (let count = 0; count < LOGINS; count += 1) {
      const user = newUser();
      const isValid = Math.random() < 0.5;
      const result = await logIn(user, tokenOf(`${isValid ? user : 'mallory'}@example.com`));
      // A login without an answer is refused, too.
      if (result.decision === 'accepted') expect(isValid).toBe(true);
      accepted += result.decision === 'accepted' ? 1 : 0;
      if (count % KILL_EVERY !== KILL_EVERY - 1) continue;
      let node = 0;
      // The one that was killed before may be restarting.
      await expect.poll(() => (node = findProgram(descendantsOf(prosody.pid), 'node'))).toBeGreaterThan(0);
      process.kill(node, 'SIGKILL');
    }
    expect(accepted).toBeGreaterThan(0);
    await expect.poll(logInValid).toEqual(ACCEPTED);
    const user = newUser();
    const token = tokenOf(`${user}@example.com`);
    expect(await logIn(user, token)).toEqual(ACCEPTED);
    expect(await logIn(user, token)).toEqual(REFUSED);
  });

  it('refuses every login if the protocol is ejabberd, which xtokend check reports', async () => {
    const env = stockEnvironment(temporaryFile(STOCK_CONFIGURATION));
    const settings = 'external_auth_protocol = "ejabberd"\nexternal_auth_timeout = 1';
    const configuration = stockSettings(1);
    const other = await Prosody.start({ release, configuration, settings, env });
    onTestFinished(() => other.stop());
    const service = other.service('TCP');
    // The first login can fail with every protocol.
    for (let count = 0; count < 3; count += 1) {
      const username = newUser();
      const password = tokenOf(`${username}@example.com`);
      expect(await login({ service, domain: 'example.com', username, password })).toEqual(REFUSED);
    }
    await expect.poll(logInValid).toEqual(ACCEPTED);
    for (const [server, count] of [
      [other, 1],
      [prosody, 0],
    ] as const) {
      const file = temporaryFile(
        // `xtokend check` recognizes the stock module by its name.
        readFileSync(join(server.directory, 'prosody.cfg.lua'), 'utf8').replace(
          '"stock"',
          '"external_insecure"',
        ),
        'prosody.cfg.lua',
      );
      const { of } = check(STOCK_CONFIGURATION, { args: ['--prosody', file] });
      expect(of('prosody-command-protocol')).toHaveLength(count);
    }
  });

  it('leaves no process behind after Prosody ends', async () => {
    await logIn(newUser(), 'bad');
    const processes = descendantsOf(prosody.pid);
    expect(processes.length).toBeGreaterThan(0);
    await prosody.stop();
    expect(await survivorsOf(processes, 5000)).toEqual([]);
  });
});
