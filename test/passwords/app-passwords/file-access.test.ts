import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, lstatSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addAppPassword, removeAppPasswords } from '../../../src/passwords/app-passwords/manage.js';
import { temporaryDirectory } from '../../support/directory.js';
import {
  OTHER_USER,
  passableDirectory,
  requireRoot,
  runAsOther,
  sharedDirectory,
} from '../../support/system/other-user.js';
import { add, JID, labelsIn, newFile } from './support.js';

function modeOf(path: string): [number, number, string] {
  const { uid, gid, mode } = statSync(path);
  return [uid, gid, (mode & 0o7777).toString(8)];
}

describe('the file of app passwords', () => {
  it('can only be read by its owner if it is new, and never by other users', async () => {
    const file = newFile();
    const umask = process.umask(0);
    await add(file, JID, 'phone').finally(() => process.umask(umask));
    expect(modeOf(file)[2]).toBe('600');
    chmodSync(file, 0o6777);
    await add(file, JID, 'tablet');
    expect(modeOf(file)[2]).toBe('660');
  });

  it('keeps its owner, group and mode, and a new one can be shared with a group', async (context) => {
    requireRoot(context);
    const file = newFile();
    await addAppPassword({ file, jid: JID, label: 'phone', password: undefined, group: 4 });
    expect(modeOf(file)).toEqual([0, 4, '640']);
    chownSync(file, OTHER_USER, 5);
    chmodSync(file, 0o440);
    await addAppPassword({ file, jid: JID, label: 'tablet', password: undefined, group: 4 });
    await removeAppPasswords(file, JID, 'phone');
    expect(modeOf(file)).toEqual([OTHER_USER, 5, '440']);
  });

  it('is no symbolic link, and a hard link to it keeps the previous content', async () => {
    const file = newFile();
    await add(file, JID, 'phone');
    linkSync(file, `${file}.linked`);
    await add(file, JID, 'tablet');
    expect(await labelsIn(`${file}.linked`)).toEqual(['phone']);
    const link = newFile();
    symlinkSync(file, link);
    await expect(add(link, JID, 'laptop')).rejects.toThrow(`${link}: it is a symbolic link. Name the file`);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it('is not written by root where another user can change the directory', async (context) => {
    requireRoot(context);
    const file = join(sharedDirectory(0o700, OTHER_USER, OTHER_USER), 'app-passwords');
    await expect(add(file, JID, 'phone')).rejects.toThrow(
      /could make root write to other files\. Fix: chown/,
    );
    expect(readdirSync(dirname(file))).toEqual([]);
    const [owned, target] = [sharedDirectory(0o755, OTHER_USER), temporaryDirectory()];
    runAsOther('ln -s "$1" "$2/link"', target, owned);
    await expect(add(join(owned, 'link', 'app-passwords'), JID, 'phone')).rejects.toThrow(
      /could make root write/,
    );
    expect(readdirSync(target)).toEqual([]);
  });

  it('can not be written without the right to', async (context) => {
    requireRoot(context);
    const directory = passableDirectory();
    const script = `
      const { createAppPassword } = await import('${process.cwd()}/dist/index.js');
      await createAppPassword({ file: process.argv[1], jid: 'a@b.example', label: 'x' }).catch((error) => console.log(error.code, error.message));`;
    const ids = { uid: OTHER_USER, gid: OTHER_USER };
    const run = spawnSync('node', ['--input-type=module', '-e', script, join(directory, 'app-passwords')], {
      ...ids,
      cwd: '/',
      encoding: 'utf8',
    });
    expect(run.stdout + run.stderr).toMatch(
      /^app-passwords-unavailable .*: uid 65534 may not write to .* Run this as its owner\n$/,
    );
    await expect(add(join(directory, 'missing', 'file'), JID, 'x')).rejects.toThrow(/there is no directory/);
  });
});
