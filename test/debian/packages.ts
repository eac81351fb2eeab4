import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Makes the same package with a higher version. Returns its path. @param path of the package */
export function upgradeOf(path: string, version: string): string {
  const directory = mkdtempSync(join(dirname(path), '..', 'upgrade-'));
  execFileSync('sh', ['-euc', UPGRADE, path, directory, version]);
  return join(directory, `xtokend_${version}_all.deb`);
}

/** Returns whether this machine's Node is a package of NodeSource. */
export function hasNodeSource(): boolean {
  const { stdout } = spawnSync('dpkg-query', ['--show', 'nodejs'], { encoding: 'utf8' });
  return stdout.includes('nodesource');
}

/** Makes NodeSource's package from the installed one, without npm. Returns its path. @param near a file in the directory for it */
export function nodeSourcePackage(near: string): string {
  const directory = mkdtempSync(join(dirname(near), '..', 'nodesource-'));
  execFileSync('sh', ['-euc', NODE_SOURCE, directory]);
  return join(directory, 'nodejs.deb');
}

const UPGRADE = `
  cd "$1"
  dpkg-deb --raw-extract "$0" tree
  cd tree
  old=$(dpkg-deb --field "$0" Version)
  sed -i "s/^Version: .*/Version: $2/" DEBIAN/control
  sed -i "s/\\"$old\\"/\\"$2\\"/" usr/share/xtokend/dist/main.cjs
  find * -path DEBIAN -prune -o -type f -print0 | xargs -0 md5sum >DEBIAN/md5sums
  dpkg-deb --root-owner-group -Znone --build . "../xtokend_$2_all.deb" >/dev/null`;

const NODE_SOURCE = `
  mkdir -p "$0/tree/DEBIAN" "$0/tree/usr/bin"
  cd "$0/tree"
  cp /usr/bin/node usr/bin
  dpkg --status nodejs | sed /^Status:/d >DEBIAN/control
  for script in preinst postinst prerm postrm; do
    if [ -e "/var/lib/dpkg/info/nodejs.$script" ]; then cp "/var/lib/dpkg/info/nodejs.$script" "DEBIAN/$script"; fi
  done
  dpkg-deb --root-owner-group -Znone --build . ../nodejs.deb >/dev/null`;
