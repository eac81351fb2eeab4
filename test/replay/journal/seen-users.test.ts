import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileSeenUsers } from '../../../src/replay/journal/seen-users.js';
import { temporaryDirectory } from '../../support/directory.js';

describe('seen users in a directory', () => {
  it('have file names that do not tell who they are', async () => {
    const root = join(temporaryDirectory(), 'seen-users');
    await new FileSeenUsers(root).add('alice', 'example.com');
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
    expect(names).toHaveLength(2);
    expect(names.join()).not.toMatch(/alice|example/);
  });

  it('are unavailable while a file is in the way', async () => {
    const root = join(temporaryDirectory(), 'seen-users');
    writeFileSync(root, '');
    const seen = new FileSeenUsers(root);
    await expect(seen.add('alice', 'example.com')).rejects.toMatchObject({
      code: 'replay-cache-unavailable',
    });
    rmSync(root);
    await seen.add('alice', 'example.com');
    expect(await seen.has('alice', 'example.com')).toBe(true);
  });
});
