import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { findExposure, resolvePath } from '../../src/system/trusted-path.js';
import { OTHER_USER, passableDirectory, requireRoot, sharedDirectory } from '../support/system/other-user.js';

/** A group that nobody is listed in. */
const UNKNOWN_GROUP = 54_321;

describe('findExposure', () => {
  beforeEach(requireRoot);

  it.each([
    ['a directory of another user', 0o755, OTHER_USER, 0, /^(user nobody|uid 65534) owns /, 'chown root '],
    [
      'a directory that everybody can write to',
      0o757,
      0,
      0,
      /^every user of this machine can write to /,
      'chmod o-w ',
    ],
    [
      'a directory that a group of others can write to',
      0o775,
      0,
      OTHER_USER,
      /^group .+ can write to /,
      'chmod g-w ',
    ],
    [
      'a directory that an unknown group can write to',
      0o775,
      0,
      UNKNOWN_GROUP,
      /^group 54321 can write/,
      'chmod g-w ',
    ],
    ['a directory that both can write to', 0o777, 0, OTHER_USER, /^every user/, 'chmod go-w '],
    ['a sticky directory of another user', 0o1777, OTHER_USER, 0, / owns /, 'chown root '],
  ])('finds %s anywhere on the path, also through links', (_, mode, uid, gid, message, fix) => {
    const shared = sharedDirectory(mode, uid, gid);
    const below = join(shared, 'a', 'b');
    mkdirSync(below, { recursive: true });
    const link = join(passableDirectory(), 'link');
    symlinkSync(below, link);
    const absent = join(below, 'not', 'yet');
    for (const path of [shared, below, absent, `${link}/file`, `${link}/../../a`, `${below}/../b/file`]) {
      const found = findExposure(path);
      expect(found).toMatchObject({ path: shared, fix: expect.stringContaining(fix + shared) as string });
      expect(found?.message).toMatch(message);
    }
  });

  it('finds links and files of another user in a sticky directory, but not those of root', () => {
    const shared = sharedDirectory(0o1777);
    const target = passableDirectory();
    for (const name of ['own', 'other']) symlinkSync(target, join(shared, name));
    lchownSync(join(shared, 'other'), OTHER_USER, OTHER_USER);
    writeFileSync(join(shared, 'file'), '', { mode: 0o600 });
    expect(findExposure(join(shared, 'own', 'x'))).toBeUndefined();
    expect(findExposure(join(shared, 'file'))).toBeUndefined();
    expect(findExposure(join(shared, 'other', 'x'))).toMatchObject({ path: join(shared, 'other') });
    chownSync(join(shared, 'file'), OTHER_USER, OTHER_USER);
    expect(findExposure(join(shared, 'file'))).toMatchObject({ path: join(shared, 'file') });
    // As the last directory it isn't safe: others can create a file first.
    expect(findExposure(shared)).toMatchObject({ path: shared });
  });

  it('trusts root, the given user, and a private group of theirs', () => {
    const shared = sharedDirectory(0o775, OTHER_USER, 0);
    expect(findExposure(shared, new Set([0, OTHER_USER]))).toBeUndefined();
    expect(findExposure(shared, new Set([0]))).toBeDefined();
    expect(findExposure('/proc/self/fd')).toBeUndefined();
  });
});

describe('resolvePath', () => {
  it('follows links as the kernel does', () => {
    const directory = realpathSync(passableDirectory());
    mkdirSync(join(directory, 'a', 'b'), { recursive: true });
    writeFileSync(join(directory, 'a', 'file'), '');
    symlinkSync('a/b', join(directory, 'relative'));
    symlinkSync(join(directory, 'relative'), join(directory, 'absolute'));
    symlinkSync('loop', join(directory, 'loop'));
    expect(resolvePath(`${directory}/absolute/.././file`).path).toBe(join(directory, 'a', 'file'));
    expect(resolvePath(`${directory}//relative/`)).toMatchObject({
      path: join(directory, 'a/b'),
      isShared: false,
    });
    expect(resolvePath(`${directory}/none/more`)).toMatchObject({ path: join(directory, 'none/more') });
    expect(resolvePath(`${directory}/loop/x`).stats).toBeUndefined();
    expect(resolvePath('package.json').path).toBe(realpathSync('package.json'));
    // The target of a descriptor is no path.
    expect(resolvePath('/dev/stderr').path).toMatch(/^\/proc\/\d+\/fd\/2$/);
  });

  it('reports who can create files in the last directory, and accepts a group if asked', (context) => {
    requireRoot(context);
    const shared = sharedDirectory(0o775, 0, OTHER_USER);
    mkdirSync(join(shared, 'own'), { mode: 0o755 });
    symlinkSync(dirname(shared), join(shared, 'link'));
    const resolve = (name: string): object => resolvePath(join(shared, name), { isGroupAccepted: true });
    expect(resolve('own/log')).toMatchObject({ exposure: undefined, isShared: true });
    expect(resolve('log')).toMatchObject({ exposure: undefined, isShared: true });
    expect(resolve('link/log')).toMatchObject({ exposure: { path: shared } });
    chownSync(join(shared, 'own'), OTHER_USER, 0);
    expect(resolve('own/log')).toMatchObject({ exposure: { path: shared } });
    chmodSync(shared, 0o1777);
    expect(resolve('log')).toMatchObject({ exposure: undefined, isShared: true });
  });
});
