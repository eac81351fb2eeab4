import { existsSync } from 'node:fs';
import { xml } from '@xmpp/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { replaced } from '../support/documents.js';
import { temporaryFile } from '../support/directory.js';
import { connect, login } from '../support/xmpp-login.js';
import { isInstalled, LPTY_FOLDER, Prosody, releases } from '../support/prosody.js';
import { requirePackage } from '../support/requirement.js';
import { ACCEPTED, newUser, REFUSED, tokenOf } from './logins.js';
import { disturbances, storm } from './stock/storm.js';
import { STOCK_CONFIGURATION, stockEnvironment, stockSettings } from './stock/wiring.js';

const ATTACKS = 10;
const HOSTS = ['example.com', 'pool.example'] as const;

describe.each(releases)('$name with the stock module', { timeout: 120_000 }, (release) => {
  let prosody: Prosody;

  beforeEach(async (context) => {
    requirePackage(context, isInstalled(release), release.name);
    requirePackage(context, existsSync(LPTY_FOLDER), 'lua-lpty for Lua 5.4 (scripts/test-servers)');
    const env = stockEnvironment(temporaryFile(STOCK_CONFIGURATION));
    // What the page advises against.
    const settings = replaced(stockSettings(2), 'modules_disabled = { "register" }', '');
    const more = settings.replace('example.com', 'pool.example');
    const registration = 'modules_enabled = { "register" }';
    prosody = await Prosody.start({ release, configuration: settings, settings: registration, more, env });
  });

  afterEach(() => prosody.stop());

  it('gives nobody the result of another by a new password with a line end', async () => {
    const service = prosody.service('TCP');
    const mallory = await warmUp(() =>
      connect({
        service,
        domain: 'example.com',
        username: 'mallory',
        password: tokenOf('mallory@example.com'),
      }),
    );
    for (let attack = 0; attack < ATTACKS; attack += 1) {
      const password = `x\nauth:mallory:example.com:${tokenOf('mallory@example.com')}`;
      await mallory.iqCaller.set(registrationOf('mallory', password)).catch(() => undefined);
      const alice = newUser();
      expect(await login({ service, domain: 'example.com', username: alice, password: 'rubbish' })).toEqual(
        REFUSED,
      );
      const token = tokenOf(`${alice}@example.com`);
      expect(await login({ service, domain: 'example.com', username: alice, password: token })).toEqual(
        ACCEPTED,
      );
    }
    await mallory.stop();
  });

  it.each(disturbances)('gives right results again after a storm of %s', async (_, disturb) => {
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
async function warmUp<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let tries = 0; tries < 10; tries += 1) {
    try {
      return await attempt();
    } catch {
      // Once more.
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
