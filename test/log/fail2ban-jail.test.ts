import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { mintToken } from '../../src/index.js';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { OTHER_SECRET, OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { end } from '../support/system/processes.js';
import { xtokend } from '../support/xtokend.js';

/** Logins with the same password from an address. */
type Attempts = readonly [address: string, password: string, count: number];

/** Returns the log of an xtokend whose clients try to log in as alice. */
function logOf(attempts: readonly Attempts[]): string {
  const lines = attempts
    .flatMap(([address, password, count]) => Array<string>(count).fill(`${password}\trip=${address}`))
    .map((rest, index) => `AUTH\t${index + 1}\talice\texample.com\tpassword=${rest}\tsecured\n`);
  const input = `VERSION\t1\t0\n${lines.join('')}`;
  return xtokend(['--config', temporaryFile(SECRETS)], { input }).stderr;
}

/** Returns a directory with the machine's configuration of fail2ban, without its jails but with ours. */
function configure(): string {
  const directory = temporaryDirectory();
  cpSync('/etc/fail2ban', directory, { recursive: true });
  rmSync(join(directory, 'jail.d'), { recursive: true });
  cpSync('examples/fail2ban', directory, { recursive: true });
  return directory;
}

/** Starts a fail2ban that reads a log, and records its actions in a file instead of doing them. Returns both paths. */
function start(): { readonly log: string; readonly actions: string } {
  const directory = configure();
  const [log = '', actions = '', ownLog = ''] = ['log', 'actions', 'own'].map((name) =>
    join(directory, name),
  );
  for (const path of [log, actions]) writeFileSync(path, '');
  writeFileSync(
    join(directory, 'action.d/record.conf'),
    `[Definition]\nactionban = echo ban "<ip>" "<port>" >>${actions}\nactionunban = echo unban "<ip>" >>${actions}\n`,
  );
  writeFileSync(
    join(directory, 'jail.local'),
    `[xtokend]\nbackend = polling\nlogpath = ${log}\nbanaction = record\n`,
  );
  writeFileSync(join(directory, 'fail2ban.local'), '[Definition]\ndbfile = None\n');
  mkdirSync(join(directory, 'run'));
  const files = ['-s', join(directory, 'run/socket'), '-p', join(directory, 'run/pid')];
  const server = spawn('fail2ban-server', ['-f', '-c', directory, ...files, '--logtarget', ownLog, 'start']);
  onTestFinished(() => end(server));
  return { log, actions };
}

describe('the fail2ban jail', { timeout: 60_000 }, () => {
  beforeEach((context) => {
    const isInstalled =
      spawnSync('fail2ban-server', ['--version']).status === 0 && existsSync('/etc/fail2ban');
    requirePackage(context, isInstalled, 'fail2ban');
  });

  it('is valid, and bans at the ports of Prosody', () => {
    const { status, stdout } = spawnSync('fail2ban-client', ['-c', configure(), '-d'], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toContain("['add', 'xtokend', 'systemd']");
    expect(stdout).toMatch(/'action', 'nftables', .*5222,5223,5280,5281/);
  });

  it('bans an address after 20 forged tokens, but no proxy on this machine and no client that reconnects', async () => {
    const mint = (tokenSecret: string): string =>
      mintToken({ jid: 'alice@example.com', otpSeed: OTP_SEED, tokenSecret });
    const [good, forged] = [mint(TOKEN_SECRET), mint(OTHER_SECRET)];
    const { log, actions } = start();
    // xtokend logs at most 50 refusals with the same reason.
    const lines = logOf([
      ['127.0.0.1', 'password', 20],
      ['::1', forged, 20],
      ['192.0.2.1', good, 31],
      ['192.0.2.2', 'password', 19],
      ['192.0.2.3', 'password', 10],
      ['192.0.2.3', forged, 10],
      ['2001:db8::7', forged, 20],
    ]);
    expect(lines.match(/reason="replayed"/g)).toHaveLength(30);
    appendFileSync(log, lines);
    await vi.waitFor(() => {
      expect(readFileSync(actions, 'utf8').trim().split('\n').sort()).toEqual([
        'ban 192.0.2.3 5222,5223,5280,5281',
        'ban 2001:db8::7 5222,5223,5280,5281',
      ]);
    }, 30_000);
  });
});
