import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { check } from '../../support/daemon/check.js';
import { SECRETS } from '../../support/keys.js';
import { OTHER_USER, requireRoot, sharedDirectory } from '../../support/system/other-user.js';

describe('xtokend check, of files that another user can replace', () => {
  it('reports a directory of another user above a file that decides who can log in', (context) => {
    requireRoot(context);
    const shared = sharedDirectory(0o755, OTHER_USER);
    mkdirSync(join(shared, 'own'));
    const list = join(shared, 'own', 'list');
    writeFileSync(list, 'alice\n');
    const { status, of } = check(`blocked_users = "file:${list}"\n${SECRETS}`);
    expect(status).toBe(1);
    expect(of('directory-writable')).toEqual([
      expect.stringMatching(/^problem: .* owns .*\/shared, .*; chown root .*\/shared, or run/),
    ]);
  });

  it('reports a log, and a socket for metrics, that another user can replace', (context) => {
    requireRoot(context);
    const shared = sharedDirectory(0o757);
    const owned = sharedDirectory(0o755, OTHER_USER);
    const configuration = (directory: string): string =>
      `${SECRETS}[log]\ntarget = "file:${directory}/log"\n[metrics]\nlisten = "unix:${directory}/metrics"\n`;
    expect(check(configuration(shared)).of('log-exposed')).toEqual([
      expect.stringMatching(/^problem: .*: every user .* can write to .*; chmod o-w /),
    ]);
    expect(check(configuration(shared)).of('metrics-unavailable')).toEqual([
      expect.stringMatching(`^warning: .*can write to ${shared}, .*; chmod o-w ${shared}`),
    ]);
    expect(check(configuration(owned)).of('log-other-owner')).toEqual([
      expect.stringMatching(/^warning: .* owns .*; /),
    ]);
    for (const directory of [shared, owned]) expect(readdirSync(directory)).toEqual([]);
  });

  it('reports a directory above the replay cache that another user can change, and creates nothing there', (context) => {
    requireRoot(context);
    const shared = sharedDirectory(0o755, OTHER_USER);
    const { status, of } = check(`${SECRETS}[replay]\npath = "${shared}/not/yet"\n`);
    expect(status).toBe(1);
    expect(of('replay-unavailable')).toEqual([
      expect.stringContaining(`owns ${shared}, and so can remove the replay cache`),
    ]);
    expect(readdirSync(shared)).toEqual([]);
  });
});
