import { expect, it } from 'vitest';
import { Authenticator } from '../../src/authenticator/authenticator.js';
import { loadConfiguration } from '../../src/config/load.js';
import { createKey, type CredentialKey } from '../../src/credential/key.js';
import { mintWithKey } from '../../src/credential/mint.js';
import { openHosts } from '../../src/daemon/served-hosts.js';
import { parseRequest } from '../../src/protocol/request.js';
import { MemoryReplayCache } from '../../src/replay/memory/memory-cache.js';
import { MemorySeenUsers } from '../../src/replay/memory/seen-users.js';
import { temporaryFile } from '../support/directory.js';
import { key as oldKey, NOW, OTHER_SECRET, OTHER_SEED, SECRETS } from '../support/keys.js';
import { policyBase } from '../support/user-policy.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const newKey = createKey({ otpSeed: OTHER_SEED, tokenSecret: OTHER_SECRET });
const OLD = `[[keys]]\nid = "old"\n${SECRETS}`;
const NEW = `[[keys]]\nid = "new"\notp_seed = "${OTHER_SEED}"\ntoken_secret = "${OTHER_SECRET}"\n`;
const day = (number: number): string => new Date(NOW + number * DAY).toISOString();

/** The configuration from each day on. */
const configurations = [
  { from: 0, text: OLD },
  { from: 1, text: `${OLD}not_after = "${day(6)}"\n${NEW}not_before = "${day(1)}"\n` },
  { from: 6, text: NEW },
];
/** The day on which each application starts to sign with the new key, and the error of its clock in milliseconds. */
const applications = [
  { switchesOn: 2.5, clock: 0 },
  { switchesOn: 3.1, clock: 20_000 },
  { switchesOn: 5.9, clock: -20_000 },
];

it('a key rotation over a week refuses no login', async () => {
  let now = NOW;
  const replay = new MemoryReplayCache();
  let authenticator: Authenticator | undefined;
  const uses = new Map<string, number>();
  for (; now < NOW + 7 * DAY; now += HOUR / 12) {
    const due = configurations.find(({ from }) => now === NOW + from * DAY);
    if (due !== undefined) authenticator = await openAuthenticator(due.text, replay, () => now);
    for (const [index, { switchesOn, clock }] of applications.entries()) {
      const signer: CredentialKey = now < NOW + switchesOn * DAY ? oldKey : newKey;
      const token = mintWithKey(signer, `user${index}@example.com`, now + clock);
      const decision = await authenticator?.decide(
        parseRequest(Buffer.from(`auth:user${index}:example.com:${token}`), 'stdin'),
      );
      expect(decision).toMatchObject({ outcome: 'accepted' });
      const used = decision?.key ?? '';
      uses.set(used, (uses.get(used) ?? 0) + 1);
    }
  }
  expect([...uses]).toEqual(
    [
      ['old', (2.5 + 3.1 + 5.9) * 288 + 0.8],
      ['new', (4.5 + 3.9 + 1.1) * 288 - 0.8],
    ].map(([id, count]) => [id, Math.round(Number(count))]),
  );
  // The old key is no longer configured.
  const late = mintWithKey(oldKey, 'user@example.com', now);
  expect(
    await authenticator?.decide(parseRequest(Buffer.from(`auth:user:example.com:${late}`), 'stdin')),
  ).toMatchObject({
    outcome: 'refused',
  });
});

it('a key that is expired or not yet active refuses every login, and the decision names the key', async () => {
  let now = NOW;
  const text = `${OLD}not_after = "${day(0)}"\n${NEW}not_before = "${day(1)}"\n`;
  const authenticator = await openAuthenticator(text, new MemoryReplayCache(), () => now);
  const decide = (signer: CredentialKey): Promise<object> =>
    authenticator.decide(
      parseRequest(Buffer.from(`auth:a:b.example:${mintWithKey(signer, 'a@b.example', now)}`), 'stdin'),
    );
  const inactive = (key: string): object => ({ outcome: 'refused', reason: 'inactive-key', key });
  expect(await decide(oldKey)).toMatchObject(inactive('old'));
  expect(await decide(newKey)).toMatchObject(inactive('new'));
  now = NOW - 1;
  expect(await decide(oldKey)).toMatchObject({ outcome: 'accepted' });
  now = NOW + DAY;
  expect(await decide(newKey)).toMatchObject({ outcome: 'accepted' });
});

async function openAuthenticator(
  text: string,
  replay: MemoryReplayCache,
  clock: () => number,
): Promise<Authenticator> {
  const { hosts } = await loadConfiguration(temporaryFile(text), {});
  const hostOf = await openHosts(hosts, { seen: new MemorySeenUsers(), ...policyBase });
  return new Authenticator({ hostOf, replay, clock });
}
