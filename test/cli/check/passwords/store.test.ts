import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAppPassword } from '../../../../src/passwords/app-passwords/library.js';
import { temporaryFile } from '../../../support/directory.js';
import { SECRETS } from '../../../support/keys.js';
import { OTHER_USER, requireRoot } from '../../../support/system/other-user.js';
import { PROGRAM } from '../../../support/xtokend.js';
import { checkPasswords, configured } from './support.js';

/** Returns the paths of a configuration and of the file of app passwords that it names. */
function file(): { readonly config: string; readonly store: string } {
  const config = configured('store = "file:app-passwords"');
  return { config, store: join(dirname(config), 'app-passwords') };
}

describe('xtokend check, of app passwords', () => {
  it('explains how to make the first one', async () => {
    const { config, store } = file();
    const { status, codes, of } = await checkPasswords(config);
    expect([status, codes]).toEqual([0, ['note passwords-store-missing']]);
    expect(of('passwords-store-missing')).toEqual([
      `note: nobody has an app password yet: there is no ${store}; to make one: xtokend passwd JID --label phone`,
    ]);
  });

  it('counts them, and reports those of other hosts', async () => {
    const { store } = file();
    const config = temporaryFile(`${SECRETS}[hosts."example.com".passwords]\nstore = "file:${store}"\n`);
    for (const [jid, label] of [
      ['alice@example.com', 'phone'],
      ['alice@example.com', 'bot'],
      ['bob@exmaple.com', 'phone'],
    ] as const) {
      await createAppPassword({ file: store, jid, label });
    }
    const { codes, of } = await checkPasswords(config);
    expect(codes).toEqual(['ok passwords-store-ok', 'note passwords-store-unused']);
    expect(of('passwords-store-ok')).toEqual([`ok: ${store} has 3 app passwords of 2 users; `]);
    expect(of('passwords-store-unused').join()).toContain('app passwords for exmaple.com, which');
  });

  it('names the file and the line of a mistake, without the hash', async () => {
    const { config, store } = file();
    await createAppPassword({ file: store, jid: 'alice@example.com', label: 'phone' });
    writeFileSync(store, '# phones\n{"jid":"alice@example.com","hash":"$scrypt$secret"}\n');
    const { status, codes, output, of } = await checkPasswords(config);
    expect([status, codes]).toEqual([1, ['problem passwords-store-invalid']]);
    expect(of('passwords-store-invalid').join()).toMatch(
      /: line 2: .*, and no others; correct or remove this line; xtokend then reads the file again by itself$/,
    );
    expect(output).not.toContain('$scrypt$secret');
  });

  it('reports that other users can read or change it, or create it', async () => {
    const { config, store } = file();
    writeFileSync(store, '', { mode: 0o644 });
    const readable = await checkPasswords(config);
    expect(readable.of('file-world-readable').join()).toContain(`can read the secrets in ${store}; `);
    chmodSync(store, 0o602);
    const writable = await checkPasswords(config);
    expect(writable.of('file-writable').join()).toContain('and so can let anybody log in');
    const missing = configured(`store = "file:${join(dirname(store), 'none')}"`);
    expect((await checkPasswords(missing)).of('directory-writable')).toEqual([]);
    chmodSync(dirname(store), 0o777);
    expect((await checkPasswords(missing)).of('directory-writable')).toHaveLength(1);
  });

  it('reports a directory in its place', async () => {
    const { of } = await checkPasswords(configured('store = "file:."'));
    expect(of('passwords-store-unreadable').join()).toMatch(
      /: expected a regular file; set passwords\.store to a file, such as "file:\/etc\/xtokend\/app-passwords"$/,
    );
  });

  it('reports that its user may not read it', (context) => {
    requireRoot(context);
    const { config, store } = file();
    writeFileSync(store, '', { mode: 0o600 });
    chmodSync(dirname(config), 0o755);
    chmodSync(config, 0o644);
    const { stdout } = spawnSync(PROGRAM, ['check', '--json', '--config', config], {
      ...{ uid: OTHER_USER, gid: OTHER_USER, encoding: 'utf8', cwd: '/' },
    });
    expect(JSON.parse(stdout)).toMatchObject({
      findings: expect.arrayContaining([
        expect.objectContaining({
          ...{ level: 'problem', code: 'passwords-store-unreadable' },
          message: expect.stringContaining(`cannot read ${store}: `) as string,
          fix: 'run xtokend check as root, which prints the command',
        }),
      ]) as unknown[],
    });
  });
});
