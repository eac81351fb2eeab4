import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { pack } from './npm-package.js';

/** Installs the package in an application, and returns the directory of the application. */
function installed(): string {
  const directory = temporaryDirectory();
  const options = ['--silent', '--offline', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', ...options, pack(directory)], { cwd: directory });
  return directory;
}

/** The files of the package, except those in `dist/`. */
const EXPECTED = [
  /^(package\.json|LICENSE|README\.md|CHANGELOG\.md|SECURITY\.md|prosody\.cfg\.example\.lua)$/,
  /^bin\/(xtokend|supervisor\.sh)$/,
  /^completion\/(_xtokend|xtokend\.bash|xtokend\.fish)$/,
  /^docs\/[a-z-]+\.md$/,
  /^docs\/grafana\/xtokend\.json$/,
  /^docs\/prometheus\/xtokend\.rules\.yml$/,
  /^examples\/fail2ban\/(filter|jail)\.d\/xtokend\.conf$/,
  /^examples\/mint\/([Mm]int\.[a-z]+|rust\/Cargo\.toml|rust\/src\/main\.rs)$/,
  /^examples\/native-client\.py$/,
  /^examples\/passwords\/(README\.md|check-script|http_end\.py|http-end\.php)$/,
  /^examples\/web-chat\/([a-z-]+\.js(on)?|README\.md|(pages|public)\/[a-z-]+\.(html|js|css|svg))$/,
  /^docs\/images\/web-chat-(converse|fast)\.png$/,
  /^man\/(xtokend\.1|xtokend\.toml\.5|mod_auth_xtoken\.5)$/,
  /^prosody\/(mod_auth_xtoken|xtoken_(client|daemon|sessions)\.lib)\.lua$/,
  /^systemd\/(sysusers\.conf|xtokend\.service|xtokend\.socket|drop-ins\/[a-z-]+\.conf)$/,
];
/** The files in `dist/`, except the modules that the program loads. */
const BUILT = [
  'dist/index.js',
  'dist/THIRD-PARTY-LICENSES.txt',
  'dist/sbom.cdx.json',
  'dist/xtokend.cjs',
  'dist/types/index.d.ts',
];

describe('the npm package', () => {
  it('contains only the files that it needs', () => {
    const args = ['pack', '--ignore-scripts', '--dry-run', '--json'];
    const [listing] = JSON.parse(execFileSync('npm', args, { encoding: 'utf8' })) as [
      { files: { path: string }[] },
    ];
    const files = listing.files.map(({ path }) => path);
    const others = files.filter((path) => !path.startsWith('dist/'));
    expect(others.filter((path) => !EXPECTED.some((pattern) => pattern.test(path)))).toEqual([]);
    for (const pattern of EXPECTED)
      expect(
        others.some((path) => pattern.test(path)),
        String(pattern),
      ).toBe(true);
    const built = files.filter((path) => path.startsWith('dist/'));
    expect(built.filter((path) => !/\.(cjs|d\.ts)$/.test(path) && !BUILT.includes(path))).toEqual([]);
    expect(built).toEqual(expect.arrayContaining(BUILT));
  });

  it('works as a program and as a library without any other package', () => {
    const directory = installed();
    const keys = spawnSync(join(directory, 'node_modules/.bin/xtokend'), ['keygen'], { encoding: 'utf8' });
    expect(keys).toMatchObject({ status: 0, stderr: '' });
    const script = `
      import { mintToken, verifyToken, generateSecret } from 'xtokend';
      const secrets = { jid: 'a@b', otpSeed: generateSecret(), tokenSecret: generateSecret() };
      console.log(verifyToken({ ...secrets, token: mintToken(secrets) }).accepted);`;
    const run = spawnSync('node', ['--input-type=module', '-e', script], {
      cwd: directory,
      encoding: 'utf8',
    });
    expect(run).toMatchObject({ status: 0, stdout: 'true\n', stderr: '' });
    expect(statSync(join(directory, 'node_modules/xtokend/bin/xtokend')).mode & 0o111).toBe(0o111);
  });

  it('has no side effects when it is imported', () => {
    const script = `
      const state = () => [process.listenerCount('exit'), Object.keys(globalThis).length, process._getActiveHandles().length];
      const before = state();
      await import('${process.cwd()}/dist/index.js');
      console.log(JSON.stringify(before) === JSON.stringify(state()));`;
    const run = spawnSync('node', ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(run).toMatchObject({ status: 0, stdout: 'true\n', stderr: '' });
  });

  it('has types that need no other package', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'node_modules/xtokend'), { recursive: true });
    cpSync('package.json', join(directory, 'node_modules/xtokend/package.json'));
    cpSync('dist', join(directory, 'node_modules/xtokend/dist'), { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
    writeFileSync(
      join(directory, 'application.ts'),
      `import { mintToken, verifyToken } from 'xtokend';
       const secrets = { jid: 'a@b', otpSeed: 'x', tokenSecret: 'y' };
       const result = verifyToken({ ...secrets, token: mintToken({ ...secrets, now: new Date(0) }) });
       export const reason: string = result.accepted ? result.id : result.reason;
       // @ts-expect-error a secret is missing
       mintToken({ jid: 'a@b', otpSeed: 'x' });`,
    );
    // There is no node_modules/@types in this directory.
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022'];
    const tsc = spawnSync(join(process.cwd(), 'node_modules/.bin/tsc'), [...options, 'application.ts'], {
      cwd: directory,
      encoding: 'utf8',
    });
    expect(tsc).toMatchObject({ stdout: '', status: 0 });
  });
});
