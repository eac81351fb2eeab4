import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAppPassword } from '../../src/index.js';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { HttpEnd } from '../support/passwords/http-end.js';
import { writeScripts } from '../support/passwords/scripts.js';
import { requirePackage } from '../support/run/requirements.js';
import { Ejabberd, hasEjabberd } from '../support/servers/ejabberd.js';
import { Prosody, releases } from '../support/servers/prosody.js';
import { login, type LoginResult, type Transport } from '../support/servers/xmpp-login.js';
import { ACCEPTED, outcomesIn, REFUSED, tokenOf } from './logins.js';
import { requireStockModule, stockEnvironment, stockSettings } from './stock/settings.js';

const APP_PASSWORD = 'hunter2-app-password';
// With colons, because both protocols separate fields by them.
const SCRIPT_PASSWORD = 'hunter2: of: a script';
const HTTP_PASSWORD = 'hunter2 of an app';

/** Logins in this order, and their outcomes in the log. */
const LOGINS = [
  ['alice', APP_PASSWORD, 'accepted'],
  ['alice', 'hunter2-wrong-password', 'wrong-password'],
  ['bob', SCRIPT_PASSWORD, 'accepted'],
  ['carol', HTTP_PASSWORD, 'accepted'],
  ['dave', HTTP_PASSWORD, 'blocked-user'],
  ['mallory', SCRIPT_PASSWORD, 'blocked-user'],
  ['alice', 'hunter2-wrong-again', 'wrong-password'],
  ['alice', APP_PASSWORD, 'throttled'],
  ['alice', undefined, 'accepted'],
] as const;

/** Returns a configuration with three back ends, until the test ends. */
async function configure(): Promise<{ configuration: string; directory: string }> {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'blocked'), 'mallory\n');
  const file = join(directory, 'app-passwords');
  await createAppPassword({ file, jid: 'alice@example.com', label: 'phone', password: APP_PASSWORD });
  const http = new HttpEnd();
  await http.start();
  onTestFinished(() => http.stop());
  http.passwords.set('carol@example.com', HTTP_PASSWORD).set('dave@example.com', HTTP_PASSWORD);
  http.disabled.add('dave@example.com');
  const known = ['bob', 'mallory'].map((user) => `${user}:example.com:${SCRIPT_PASSWORD}`);
  const configuration = `
    ${SECRETS}
    blocked_users = "file:${directory}/blocked"
    [passwords]
    store = "file:${file}"
    ${writeScripts(directory).check('users', known)}
    ${http.settingsIn(directory)}
    [passwords.limits]
    user = 2
    [hosts."example.com"]
`;
  return { configuration, directory };
}

const EXPECTED = LOGINS.filter(([username]) => username === 'alice').map(([, , outcome]) => outcome);

/** Logs in with a token and with all kinds of passwords. */
async function expectLogins(server: { service(transport: Transport): string }): Promise<void> {
  for (const [username, password, outcome] of LOGINS) {
    const domain = 'example.com';
    const given = password ?? tokenOf(`${username}@${domain}`);
    const result = await login({ service: server.service('TCP'), domain, username, password: given });
    const expected: LoginResult = outcome === 'accepted' ? ACCEPTED : REFUSED;
    expect({ username, outcome, result }).toEqual({ username, outcome, result: expected });
  }
}

describe('ejabberd', { timeout: 120_000 }, () => {
  it('accepts tokens and passwords of three back ends', async (context) => {
    requirePackage(context, hasEjabberd(), 'ejabberd');
    const { configuration } = await configure();
    const ejabberd = await Ejabberd.start({ pools: { 'example.com': 1 }, configuration });
    onTestFinished(() => ejabberd.stop());
    await expectLogins(ejabberd);
    const log = (): string => ejabberd.poolOf('example.com')[0]?.log ?? '';
    await expect.poll(() => outcomesIn(log(), 'alice@example.com')).toEqual(EXPECTED);
  });
});

describe.each(releases)('$name with the stock module', { timeout: 60_000 }, (release) => {
  it('accepts tokens and passwords of three back ends', async (context) => {
    requireStockModule(context, release);
    const { configuration, directory } = await configure();
    const log = join(directory, 'xtokend.log');
    const env = stockEnvironment(temporaryFile(`${configuration}[log]\ntarget = "file:${log}"\n`));
    const prosody = await Prosody.start({ release, configuration: stockSettings(5), env });
    onTestFinished(() => prosody.stop());
    const warmUp = (): Promise<LoginResult> =>
      login({
        service: prosody.service('TCP'),
        domain: 'example.com',
        username: 'first',
        password: tokenOf('first@example.com'),
      });
    // The first login can fail, because the module starts xtokend with it.
    await expect.poll(warmUp).toEqual(ACCEPTED);
    await expectLogins(prosody);
    await expect.poll(() => outcomesIn(readFileSync(log, 'utf8'), 'alice@example.com')).toEqual(EXPECTED);
  });
});
