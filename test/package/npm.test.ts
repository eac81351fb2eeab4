import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';

/** Installs the package from its tarball, and returns the directory. */
function installed(): string {
  const directory = temporaryDirectory();
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory]);
  execFileSync(
    'npm',
    ['install', '--silent', '--offline', '--no-audit', '--no-fund', `${directory}/xtokend-${version()}.tgz`],
    {
      cwd: directory,
    },
  );
  return directory;
}

function version(): string {
  return (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;
}

describe('the npm package', () => {
  it('contains only the files that it needs', () => {
    const listing = execFileSync('npm', ['pack', '--ignore-scripts', '--dry-run', '--json'], {
      encoding: 'utf8',
    });
    const [pack] = JSON.parse(listing) as [{ files: { path: string }[] }];
    const files = pack.files
      .map(({ path }) => path)
      .filter((path) => !/^dist\/(types\/|.*\.cjs$)/.test(path));
    expect(files.sort()).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'SECURITY.md',
        'bin/xtokend',
        'dist/THIRD-PARTY-LICENSES.txt',
        'dist/sbom.cdx.json',
        'dist/index.js',
        'bin/supervisor.sh',
        'completion/_xtokend',
        'completion/xtokend.bash',
        'completion/xtokend.fish',
        'man/mod_auth_xtoken.5',
        'man/xtokend.1',
        'man/xtokend.toml.5',
        'package.json',
        'prosody.cfg.example.lua',
        'prosody/mod_auth_xtoken.lua',
        'prosody/xtoken_client.lib.lua',
        'prosody/xtoken_daemon.lib.lua',
        'prosody/xtoken_sessions.lib.lua',
        'systemd/drop-ins/hardest.conf',
        'systemd/drop-ins/metrics-tcp.conf',
        'systemd/drop-ins/passwords-command.conf',
        'systemd/drop-ins/passwords-http.conf',
        'systemd/drop-ins/redis-tcp.conf',
        'systemd/sysusers.conf',
        'systemd/xtokend.service',
        'systemd/xtokend.socket',
      ].sort(),
    );
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
