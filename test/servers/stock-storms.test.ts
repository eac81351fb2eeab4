import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFile } from '../support/folder.js';
import { isInstalled, LPTY_FOLDER, Prosody, releases } from '../support/prosody.js';
import { requirePackage } from '../support/requirement.js';
import { signals, stops, storm } from './stock/storm.js';
import { STOCK_CONFIGURATION, stockEnvironment, stockSettings } from './stock/wiring.js';

const HOSTS = ['example.com', 'pool.example'] as const;

describe.each(releases)('$name with the stock module', { timeout: 120_000 }, (release) => {
  let prosody: Prosody;

  beforeEach(async (context) => {
    requirePackage(context, isInstalled(release), release.name);
    requirePackage(context, existsSync(LPTY_FOLDER), 'lua-lpty for Lua 5.4 (scripts/test-servers)');
    const env = stockEnvironment(temporaryFile(STOCK_CONFIGURATION));
    const settings = stockSettings(2);
    const more = settings.replace('example.com', 'pool.example');
    prosody = await Prosody.start({ release, configuration: settings, more, env });
  });

  afterEach(() => prosody.stop());

  it.each([
    ['SIGHUP', signals('SIGHUP')],
    ['SIGCHLD', signals('SIGCHLD')],
    ['SIGSTOP and SIGCONT', stops],
  ])('gives right results again after a storm of %s', async (_, disturb) => {
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
