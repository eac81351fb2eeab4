import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { check } from '../../support/daemon/check.js';
import { temporaryFile } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { xtokend } from '../../support/xtokend.js';
import { tokenOf } from '../../servers/logins.js';

describe.each([
  ['users', '0\n', '1\n'],
  ['blocked_users', '0\n', '0\n'],
])('xtokend check, of %s on one line', (setting, broken, repaired) => {
  it('reports why xtokend refuses logins, and counts the names once there is one per line', () => {
    const list = temporaryFile('alice,bob,carol\r\n', 'users');
    const config = temporaryFile(`${setting} = "file:${list}"\n${SECRETS}`);
    const ask = (): string =>
      xtokend(['--config', config], { input: `auth:bob:example.com:${tokenOf('bob@example.com')}\n` }).stdout;
    expect(ask()).toBe(broken);
    expect(check({ path: config }).of('list-unreadable')).toEqual([
      expect.stringMatching(
        /^problem: the list of users \S+: line 1: expected one name per line, found a comma; if one name/,
      ),
    ]);
    writeFileSync(list, 'alice\r\nbob\r\ncarol\r\n');
    expect(ask()).toBe(repaired);
    const { of, findings } = check({ path: config });
    expect(of('list-ok')).toEqual([`ok: ${list} lists 3 users; `]);
    expect(findings.filter(({ subject, level }) => subject === 'users' && level === 'problem')).toEqual([]);
  });
});
