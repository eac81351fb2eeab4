import { xml } from '@xmpp/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { replaced } from '../support/documents.js';
import { temporaryFile } from '../support/directory.js';
import { connect } from '../support/servers/xmpp-login.js';
import { Prosody, releases } from '../support/servers/prosody.js';
import { ACCEPTED, loginsTo, newUser, REFUSED, tokenOf } from './logins.js';
import { disturbances, storm } from './stock/storm.js';
import {
  requireStockModule,
  STOCK_CONFIGURATION,
  stockEnvironment,
  stockSettings,
} from './stock/settings.js';

const ATTACKS = 10;
const HOSTS = ['example.com', 'pool.example'] as const;

describe.each(releases)('$name with the stock module', { timeout: 120_000 }, (release) => {
  let prosody: Prosody;

  beforeEach(async (context) => {
    requireStockModule(context, release);
    const env = stockEnvironment(temporaryFile(STOCK_CONFIGURATION));
    // The page advises against in-band registration.
    const settings = replaced(stockSettings(2), 'modules_disabled = { "register" }', '');
    const more = settings.replace('example.com', 'pool.example');
    const registration = 'modules_enabled = { "register" }';
    prosody = await Prosody.start({ release, configuration: settings, settings: registration, more, env });
  });

  afterEach(() => prosody.stop());

  it('gives no login the outcome of another after a new password with a line end', async () => {
    const { logIn } = loginsTo(() => prosody);
    const mallory = await retry(() =>
      connect({
        service: prosody.service('TCP'),
        domain: 'example.com',
        username: 'mallory',
        password: tokenOf('mallory@example.com'),
      }),
    );
    for (let attack = 0; attack < ATTACKS; attack += 1) {
      const password = `x\nauth:mallory:example.com:${tokenOf('mallory@example.com')}`;
      // Prosody's answer if the stock module did not set the password.
      await expect(mallory.iqCaller.set(registrationOf('mallory', password))).rejects.toMatchObject({
        condition: 'internal-server-error',
      });
      const alice = newUser();
      expect(await logIn(alice, 'rubbish')).toEqual(REFUSED);
      expect(await logIn(alice, tokenOf(`${alice}@example.com`))).toEqual(ACCEPTED);
    }
    await mallory.stop();
  });

  it.each(disturbances)('gives right outcomes again after a storm of %s', async (_, disturb) => {
    const result = await storm(prosody, {
      hosts: HOSTS,
      logins: 60,
      loginsAfterwards: 12,
      disturb,
    });
    expect(result.wronglyAccepted).toBeLessThanOrEqual(2);
    expect(result.wrongAfterwards).toBe(0);
  });
});

/** The first logins after a start can fail. */
async function retry<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let tries = 0; tries < 10; tries += 1) {
    try {
      return await attempt();
    } catch {
      // Try again.
    }
  }
  return attempt();
}

/** In-band registration (XEP-0077): changes a password. */
function registrationOf(username: string, password: string): ReturnType<typeof xml> {
  return xml(
    'query',
    { xmlns: 'jabber:iq:register' },
    xml('username', {}, username),
    xml('password', {}, password),
  );
}
