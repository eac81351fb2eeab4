import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { JournalReplayCache } from '../../../src/replay/journal/journal-cache.js';
import { FileSeenUsers } from '../../../src/replay/journal/seen-users.js';
import {
  OTHER_USER,
  passableDirectory,
  requireRoot,
  runAsOther,
  sharedDirectory,
} from '../../support/system/other-user.js';
import { tokenUse } from '../../support/token-use.js';

function openReplayCache(directory: string): JournalReplayCache {
  const root = join(directory, 'replay-cache');
  const cache = new JournalReplayCache({ root, cacheEpoch: () => 0, onWarning: () => undefined });
  onTestFinished(() => cache.close());
  return cache;
}

const consume = (directory: string): Promise<string> =>
  openReplayCache(directory).consume(tokenUse('a', 100), 100);
const see = (directory: string): Promise<void> =>
  new FileSeenUsers(join(directory, 'seen-users')).add('alice', 'example.com');

describe('a state directory that another user can move away', () => {
  beforeEach(requireRoot);

  it.each([
    ['used tokens', consume],
    ['seen users', see],
  ])('is not used for %s: a restart would start with an empty one', async (_, use) => {
    const above = sharedDirectory(0o755, OTHER_USER);
    const state = join(above, 'state');
    mkdirSync(state, { mode: 0o700 });
    await expect(use(state)).rejects.toMatchObject({ code: 'replay-cache-unavailable' });
    // The other user can do this although root owns the directory.
    runAsOther('mv "$1" "$1.away"', state);
    await expect(use(state)).rejects.toThrow(`owns ${above}, and so can remove or replace its data; fix: `);
    expect(readdirSync(above)).toEqual(['state.away']);
    expect(readdirSync(join(above, 'state.away'))).toEqual([]);
  });

  it.each([
    ['used tokens', consume],
    ['seen users', see],
  ])('gets nothing created behind a link of that user, for %s', async (_, use) => {
    const above = sharedDirectory(0o755, OTHER_USER);
    const elsewhere = passableDirectory();
    runAsOther('ln -s "$2" "$1/lib"', above, elsewhere);
    await expect(use(join(above, 'lib', 'xtokend'))).rejects.toThrow(' owns ');
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  it.each([
    ['used tokens', consume],
    ['seen users', see],
  ])('is used for %s if only a sticky directory or a link of root leads to it', async (_, use) => {
    const state = join(sharedDirectory(0o1777), 'state');
    await use(state);
    const link = join(passableDirectory(), 'link');
    symlinkSync(dirname(state), link);
    await use(join(link, 'state'));
    expect(readdirSync(state)).not.toEqual([]);
  });
});
