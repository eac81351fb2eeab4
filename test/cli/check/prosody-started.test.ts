import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { checkSecondDaemon } from '../../../src/cli/check/prosody/started/second-daemon.js';
import { readSituation } from '../../../src/cli/check/situation.js';
import type { Finding } from '../../../src/cli/check/finding.js';
import { Daemon } from '../../support/daemon/daemon.js';
import { ProsodyMachine } from '../../support/daemon/prosody-machine.js';
import { SECRETS } from '../../support/keys.js';
import { OTHER_USER } from '../../support/system/other-user.js';
import { PROGRAM } from '../../support/xtokend.js';

let machine: ProsodyMachine;

beforeEach((context) => {
  machine = new ProsodyMachine(context);
});

/** Returns the command that checks the same as Prosody's user. */
const rerun = (): string =>
  `su -s /bin/sh prosody -c 'xtokend check --config ${machine.configuration} --prosody ${machine.root}/prosody.cfg.lua'`;

describe('xtokend check, of the xtokend that Prosody starts', () => {
  it('asks it on its socket, and leaves its replay cache to its user', async () => {
    machine.ownDirectory(machine.state);
    const socket = join(machine.state, 'xtokend.sock');
    const args = ['--config', machine.configuration, '--listen', `unix:${socket},mode=600`];
    const child = spawn(PROGRAM, args, { ...machine.asUser, stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    await expect.poll(() => existsSync(socket), { timeout: 10_000 }).toBe(true);
    const { status, findings, of } = machine.check();
    expect(status).toBe(0);
    expect(findings.filter(({ level }) => level === 'warning')).toEqual([]);
    expect(of('socket-ok')).toEqual([`ok: user prosody may connect, and xtokend answers on ${socket}; `]);
    expect(of('prosody-ok')).toEqual([
      expect.stringContaining('for a.example with mod_auth_xtoken, which starts xtokend'),
    ]);
    expect(of('replay-other-owner')).toEqual([
      `note: the replay cache in ${machine.state} was not tested: Prosody starts xtokend as user prosody; run: ${rerun()}`,
    ]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(machine.check().of('socket-no-listener')).toEqual([
      expect.stringMatching(/ has ended; Prosody starts it again within 30 s; if not, see Prosody's log /),
    ]);
  });

  it('tests the replay cache as its user, in the state directory', () => {
    const args = ['check', '--json', '--prosody', machine.prosody()];
    const { stdout } = spawnSync(PROGRAM, args, {
      ...machine.asUser,
      env: { PATH: process.env['PATH'] },
      encoding: 'utf8',
    });
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    // Without --config, it is for the configuration that Prosody's command names.
    expect(findings.find(({ code }) => code === 'configuration-ok')?.message).toContain(
      machine.configuration,
    );
    expect(findings.find(({ code }) => code === 'replay-ok')?.message).toContain(`tried in ${machine.state}`);
    expect(existsSync(machine.state)).toBe(false);
  });

  it('leaves its log to its user', () => {
    machine.ownDirectory(machine.state);
    const log = join(machine.state, 'log');
    writeFileSync(machine.configuration, `${SECRETS}[log]\ntarget = "file:${log}"\n`);
    expect(machine.check().of('log-other-owner')).toEqual([
      `note: the log ${log} was not tested: Prosody starts xtokend as user prosody; run: ${rerun()}`,
    ]);
    expect(existsSync(log)).toBe(false);
  });

  it('reports that it does not run, with a fix for Prosody instead of systemd', () => {
    const { of } = machine.check();
    expect(of('socket-missing')).toEqual([
      expect.stringMatching(
        `^problem: there is no socket ${machine.state}/xtokend.sock: Prosody has not started xtokend, or it has ended; start or restart Prosody: systemctl restart prosody, or prosodyctl restart; Prosody's log `,
      ),
    ]);
    // That Prosody's user owns the directory of its data is no fault.
    expect([...of('socket-exposed'), ...of('replay-unavailable')]).toEqual([]);
  });

  it('is not tested by a user who may not look into its directory', () => {
    machine.ownDirectory(machine.state);
    writeFileSync(join(machine.state, 'xtokend.sock'), '');
    const args = ['check', '--json', '--config', machine.configuration, '--prosody', machine.prosody()];
    const ids = { uid: OTHER_USER, gid: OTHER_USER };
    const { stdout } = spawnSync(PROGRAM, args, { ...machine.asUser, ...ids, encoding: 'utf8' });
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    expect(findings.filter(({ subject }) => subject === 'socket')).toMatchObject([
      { level: 'note', code: 'socket-not-tested', fix: 'run this as root, or as user prosody' },
    ]);
    expect(findings.filter(({ code }) => code.startsWith('prosody-state'))).toEqual([]);
  });

  it.each([
    [`"${PROGRAM} --config /x"`, 'prosody-command-arguments', 'problem', 'write a list'],
    ['"xtokend"', 'prosody-command-unusable', 'problem', 'expected an absolute path, got xtokend'],
    ['"/no/such/xtokend"', 'prosody-command-unusable', 'problem', 'there is no /no/such/xtokend'],
    ['{ "/etc/passwd", "-v" }', 'prosody-command-unusable', 'problem', '/etc/passwd is not executable'],
    ['"/bin/cat"', 'prosody-command-other', 'problem', '/bin/cat, which does not run xtokend'],
  ])('reports a program that is not xtokend, or cannot be run: %s', (command, code, level, text) => {
    const { of, status } = machine.check(`xtoken_command = ${command}`);
    expect(status).toBe(1);
    expect(of(code)).toEqual([expect.stringMatching(new RegExp(`^${level}: xtoken_command .*${text}`))]);
    expect(of('prosody-ok')).toEqual([]);
  });

  it('cannot tell whether a script runs xtokend', () => {
    const script = join(machine.root, 'start');
    writeFileSync(script, '#!/bin/sh\nexec nice /usr/bin/xtokend "$@"\n', { mode: 0o755 });
    expect(machine.check(machine.command(script)).of('prosody-command-unknown')).toEqual([
      expect.stringContaining(`note: xtoken_command is ${script}; whether that runs xtokend is unknown`),
    ]);
  });

  it('takes external_auth_command as the default, if it is the program xtokend', () => {
    const link = join(machine.root, 'program');
    symlinkSync(PROGRAM, link);
    const linked = machine.check(`external_auth_command = "${link}"`);
    expect(linked.of('prosody-command-ignored')).toEqual([]);
    expect(linked.of('socket-missing').join()).toContain(`${machine.state}/xtokend.sock`);
    const named = join(machine.root, 'xtokend');
    writeFileSync(named, '#!/bin/sh\n', { mode: 0o755 });
    const { of } = machine.check(`external_auth_command = "${named}"`);
    expect(of('prosody-command-ignored')).toEqual([
      expect.stringMatching(
        /^note: external_auth_command of a\.example is not the program xtokend, .*; set xtoken_command to /,
      ),
    ]);
    expect(of('socket-missing').join()).not.toContain(machine.state);
  });

  it('notes that a socket has precedence over a command', () => {
    const { of } = machine.check(`${machine.command()}\nxtoken_socket = "${machine.root}/none"`);
    expect(of('prosody-command-ignored')).toEqual([
      expect.stringMatching(/^note: both xtoken_socket and xtoken_command are set for a\.example: /),
    ]);
    expect(of('socket-missing')).toEqual([
      expect.stringContaining(`there is no socket ${machine.root}/none; `),
    ]);
    expect(of('prosody-state-unusable')).toEqual([]);
  });

  it('warns of commands that differ between hosts', () => {
    const second = `${machine.command()}\nVirtualHost "b.example"\nauthentication = "xtoken"\n`;
    expect(machine.check(`${second}${machine.command()}`).of('prosody-command-differs')).toEqual([]);
    expect(machine.check(`${second}xtoken_command = "${PROGRAM}"`).of('prosody-command-differs')).toEqual([
      expect.stringMatching(
        /^warning: a\.example, b\.example have different commands, .*; set xtoken_command once/,
      ),
    ]);
  });

  it('draws no conclusion from a command or directory that Lua code computes', () => {
    for (const [settings, above, name] of [
      ['xtoken_command = f()', undefined, 'xtoken_command'],
      ['xtoken_socket = f()', undefined, 'xtoken_socket'],
      [machine.command(), 'data_path = f()', 'data_path'],
    ] as const) {
      const { of, status } = machine.check(settings, above);
      expect([name, status, of('not-checked')]).toEqual([name, 0, []]);
      expect(of('replay-other-owner')).toEqual([]);
      expect(of('prosody-computed')).toEqual([expect.stringContaining(`Lua code computes ${name}`)]);
    }
  });
});

describe('xtokend check, of a second xtokend', () => {
  it('warns that both accept the same token, unless they share a replay cache, or Prosody uses it', async () => {
    const daemon = new Daemon(SECRETS);
    await daemon.start();
    onTestFinished(() => daemon.remove());
    const find = async (settings: string, isServiceUsed: boolean, sockets: string[]): Promise<string[]> => {
      const named = { config: machine.configuration, prosody: machine.prosody(settings) };
      const situation = await readSituation(named, {}, 1, 0);
      const found = await checkSecondDaemon({ ...situation, isServiceUsed }, sockets);
      return found.map(({ level, message, fix = '' }) => `${level}: ${message}; ${fix}`);
    };
    const { socketPath } = daemon;
    expect(await find(machine.command(), false, [`${machine.root}/none`])).toEqual([]);
    expect(await find(machine.command(), false, [socketPath])).toEqual([
      expect.stringMatching(
        `^warning: process (\\d+) \\(xtokend\\) listens on ${socketPath}, but Prosody starts an xtokend of its own for every host: each has its own replay cache, so both accept the same token once; kill \\1; or xtoken_socket = "${socketPath}" for all hosts, so that only that one runs$`,
      ),
    ]);
    expect(await find(machine.command(), true, [])).toEqual([
      expect.stringMatching(
        /^warning: xtokend\.service is enabled or runs, .*; systemctl disable --now xtokend\.socket xtokend\.service; or xtoken_socket = /,
      ),
    ]);
    const mixed = `${machine.command()}\nVirtualHost "b.example"\nauthentication = "xtoken"\nxtoken_socket = "${socketPath}"`;
    expect(await find(mixed, true, [socketPath])).toEqual([]);
    writeFileSync(machine.configuration, `${SECRETS}[replay]\nstore = "redis"\nurl = "redis://127.0.0.1"\n`);
    expect(await find(machine.command(), true, [socketPath])).toEqual([
      expect.stringMatching(/^note: .* in Redis; $/),
    ]);
  });
});
