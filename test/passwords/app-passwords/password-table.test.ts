import { expect, it } from 'vitest';
import type { AppPasswordEntry } from '../../../src/passwords/app-passwords/entries.js';
import { PasswordTable } from '../../../src/passwords/app-passwords/password-table.js';
import { DEFAULT_PARAMETERS } from '../../../src/passwords/app-passwords/phc.js';
import { derive } from '../../../src/passwords/app-passwords/scrypt.js';

it('lets other requests be answered while it is created from many app passwords', async () => {
  const hash = { parameters: DEFAULT_PARAMETERS, salt: Buffer.alloc(16), hash: Buffer.alloc(32) };
  const entries = Array.from({ length: 2000 }, (_, index): AppPasswordEntry => {
    return { jid: `user${index}@example.com`, label: 'phone', created: 0, hash };
  });
  let isAnswered = false;
  setImmediate(() => {
    isAnswered = true;
  });
  const table = await PasswordTable.create(entries, derive);
  expect(isAnswered).toBe(true);
  expect(table.has('user1999@example.com')).toBe(true);
  expect(table.has('user2000@example.com')).toBe(false);
});
