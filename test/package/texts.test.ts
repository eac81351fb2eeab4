import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filesIn, installGlobally, pack, VERSION } from './npm-package.js';

let directory: string;
let installed: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'xtokend-test-'));
  installed = installGlobally(pack(directory), join(directory, 'prefix'));
}, 240_000);
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Links to what only developers need, which is in the repository. */
const OUTSIDE = /^(CONTRIBUTING\.md|(bench|src)\/.+)$/;

/** The files of other programs. */
const FOREIGN = ['nsswitch.conf', 'resolv.conf'];

const DIRECTORIES = 'completion|docs|drop-ins|examples|man|prosody|systemd';
/** A path of the package, which can follow that of the package itself. */
const PATH = new RegExp(`^(?:\\S*/xtokend/|\\$\\w+/|\\.{1,2}/)?((?:${DIRECTORIES})/[\\w./-]*\\w)[./]?$`);

/** Returns the paths of the package that a text names. */
function pathsIn(text: string): string[] {
  const words = text.replace(/^import .*$|^} from .*$/gm, '').match(/[^\s"'`()<>[\]=,;:|]+/g) ?? [];
  return words
    .map((word) => PATH.exec(word)?.[1]?.replace(/^drop-ins\//, 'systemd/drop-ins/'))
    .filter((path) => path !== undefined);
}

/** Returns the targets of the relative links in a page: paths in the package, some with `#` and a heading. */
function linksIn(page: string): string[] {
  const text = readFileSync(join(installed, page), 'utf8');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)/gm)].map(
    ([, inline, other]) => inline ?? other,
  );
  return links
    .map(String)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => (link.startsWith('#') ? page + link : normalize(join(dirname(page), link))));
}

/** Returns whether the package contains what a link points to. */
function isThere(link: string): boolean {
  const [path = '', heading] = link.split('#');
  if (path.startsWith('..') || !existsSync(join(installed, path))) return false;
  return heading === undefined || headingsIn(path).includes(heading);
}

/** Returns the names of the headings of a page in links. */
function headingsIn(page: string): string[] {
  const headings = readFileSync(join(installed, page), 'utf8').match(/^#+ .*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The texts that programs print, and that the installed package contains: names and contents. */
function texts(): [string, string][] {
  const shipped = filesIn(installed).filter((path) => !path.startsWith('dist/'));
  const sources = filesIn('src').map((path) => join('src', path));
  return [
    ...shipped.map((path): [string, string] => [path, readFileSync(join(installed, path), 'utf8')]),
    ...sources.map((path): [string, string] => [path, readFileSync(path, 'utf8')]),
  ];
}

describe('the installed texts', () => {
  it('link to files and headings of the package', () => {
    const links = filesIn(installed)
      .filter((path) => path.endsWith('.md'))
      .flatMap((page) => linksIn(page).map((link) => `${page} → ${link}`));
    const target = (link: string): string => link.replace(/.* → /, '');
    expect(links.filter((link) => !OUTSIDE.test(target(link)) && !isThere(target(link)))).toEqual([]);
    expect(links).toContain('README.md → docs/prosody.md');
    expect(links).toContain('docs/logs.md → examples/fail2ban/filter.d/xtokend.conf');
  });

  it('name paths of the package', () => {
    const named = texts().flatMap(([name, text]) => pathsIn(text).map((path) => `${name} → ${path}`));
    expect(named.filter((path) => !existsSync(join(installed, path.replace(/.* → /, ''))))).toEqual([]);
    expect(named).toContain('bin/supervisor.sh → docs/terminal.md');
    expect(named.filter((path) => path.startsWith('src/')).length).toBeGreaterThan(3);
  });

  it('name configurations of the package', () => {
    const known = new Set([...filesIn(installed).map((path) => path.replace(/.*\//, '')), ...FOREIGN]);
    const named = texts()
      .filter(([name]) => /^(src|man|systemd|prosody|bin)\//.test(name))
      .flatMap(([name, text]) =>
        (text.match(/(?<![*\w-])[\w-]+\.conf\b/g) ?? []).map((conf) => `${name} → ${conf}`),
      );
    expect(named.filter((conf) => !known.has(conf.replace(/.* → /, '')))).toEqual([]);
    expect(named).toContain('src/metrics/server.ts → metrics-tcp.conf');
  });

  it('name manual pages that are installed', () => {
    const pages = new Set(
      ['man1', 'man5'].flatMap((section) => readdirSync(join(directory, 'prefix/share/man', section))),
    );
    const named = texts().flatMap(([name, text]) =>
      [...text.matchAll(/\b((?:xtokend|mod_auth_xtoken)(?:\.\w+)?)(?:\\fR)? ?\((\d)\)/g)].map(
        ([, page, section]) => `${name} → ${page}.${section}`,
      ),
    );
    expect(named.filter((page) => !pages.has(page.replace(/.* → /, '')))).toEqual([]);
    expect(named).toContain('man/xtokend.1 → xtokend.toml.5');
  });

  it('name packages of this version', () => {
    const names = texts()
      .filter(([name]) => name !== 'CHANGELOG.md')
      .flatMap(([, text]) => text.match(/\bxtokend[-_][\w.*$+~-]+\.(tgz|deb)\b/g) ?? []);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names)
      expect([`xtokend-${VERSION}.tgz`, `xtokend_${VERSION}_all.deb`]).toContain(name);
    expect(readdirSync(directory)).toContain(`xtokend-${VERSION}.tgz`);
    expect(readFileSync('debian/changelog', 'utf8').split('\n')[0]).toContain(`xtokend (${VERSION}) `);
  });
});
