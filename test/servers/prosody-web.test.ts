import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { exampleFor, isInstalled, Prosody, releases } from '../support/servers/prosody.js';
import { requirePackage } from '../support/run/requirements.js';
import { offeredOver } from './mechanisms.js';

const BOTH = ['PLAIN', 'X-TOKEN'];
const WARNING =
  /\twarn\tclients can't log in through (mod_[a-z]+), .* set (consider_[a-z]+_secure) = true above all hosts$/gm;

/** Returns the modules that the log warns of, and the settings that it names. */
function warningsIn(log: string): string[][] {
  return [...log.matchAll(WARNING)].map(([, ...names]) => names);
}

describe.each(releases)('$name with BOSH and WebSocket but without HTTPS', (release) => {
  beforeEach((context) => {
    requirePackage(context, isInstalled(release), release.name);
  });

  const start = async (globalSettings: string): Promise<Prosody> => {
    const configuration = `
      modules_enabled = { "saslauth", "websocket", "bosh", "admin_shell" }
      allow_unencrypted_plain_auth, consider_websocket_secure = false, false
      ${globalSettings}
      ${exampleFor()}`;
    const prosody = await Prosody.start({ release, configuration });
    onTestFinished(() => prosody.stop());
    return prosody;
  };

  it('warns that it offers no mechanism, except to a proxy that did TLS', async () => {
    const prosody = await start('');
    const warnings = [
      ['mod_websocket', 'consider_websocket_secure'],
      ['mod_bosh', 'consider_bosh_secure'],
    ];
    await expect.poll(() => warningsIn(prosody.log)).toEqual(warnings);
    await prosody.reloadModule();
    expect(warningsIn(prosody.log)).toEqual([...warnings, ...warnings]);
    for (const offered of [offeredOver.bosh, offeredOver.webSocket]) {
      expect(await offered(prosody, 'example.com')).toEqual([]);
      expect(await offered(prosody, 'example.com', true)).toEqual(BOTH);
    }
  });

  it('offers mechanisms, and warns of nothing, if they are considered secure', async () => {
    const prosody = await start('consider_websocket_secure, consider_bosh_secure = true, true');
    for (const offered of [offeredOver.bosh, offeredOver.webSocket]) {
      expect(await offered(prosody, 'example.com')).toEqual(BOTH);
    }
    await prosody.reloadModule();
    expect(warningsIn(prosody.log)).toEqual([]);
  });
});
