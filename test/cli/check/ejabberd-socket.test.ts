import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findAccount } from '../../../src/cli/check/machine/accounts.js';
import { nameOfGroup } from '../../../src/system/accounts.js';
import { check, type Checked } from '../../support/daemon/check.js';
import { Daemon } from '../../support/daemon/daemon.js';
import { temporaryFile } from '../../support/directory.js';
import { SECRETS } from '../../support/keys.js';
import { requirePackage } from '../../support/run/requirements.js';
import { settingsForSocket } from '../../support/servers/ejabberd-settings.js';
import { OTHER_USER, passableDirectory, requireRoot } from '../../support/system/other-user.js';
import { PROGRAM, startXtokend } from '../../support/xtokend.js';

const SOCAT = '/usr/bin/socat';
const ejabberd = findAccount('ejabberd');

let daemon: Daemon;
let path: string;

beforeAll(async () => {
  daemon = new Daemon(SECRETS);
  await daemon.start();
  chmodSync(dirname(daemon.socketPath), 0o711);
});

afterAll(() => daemon.remove());

beforeEach((context) => {
  requirePackage(context, existsSync(SOCAT), 'socat');
  path = daemon.socketPath;
  if (process.getuid?.() === 0) chownSync(path, 0, ejabberd?.gids[0] ?? 0);
});

function checkSettings(settings: string, configuration = SECRETS): Checked {
  const file = temporaryFile(`hosts: [example.com]\n${settings}`, 'ejabberd.yml');
  return check(configuration, { args: ['--ejabberd', file] });
}

/** Returns the findings about ejabberd, with the documented settings but another command. */
function foundFor(command: string): string[] {
  const settings = settingsForSocket(path).replace(
    /^extauth_program.*$/m,
    () => `extauth_program: "${command}"`,
  );
  return ofEjabberd(checkSettings(settings));
}

const ofEjabberd = ({ findings }: Checked): string[] =>
  findings
    .filter(({ subject }) => subject === 'ejabberd')
    .map(({ level, code, message, fix = '' }) => `${level} ${code}: ${message}; ${fix}`);

const documentedCommand = (socket: string): string => `${SOCAT} STDIO UNIX-CONNECT:${socket},retry=5`;

/** Runs another xtokend until the test ends. @param options follow its path */
async function listen(options: string): Promise<string> {
  const socket = join(passableDirectory(), 'socket');
  const child = startXtokend(['--config', temporaryFile(SECRETS), '--listen', `unix:${socket},${options}`]);
  onTestFinished(() => void child.kill());
  while (!existsSync(socket)) await once(child.stderr, 'data');
  return socket;
}

describe('xtokend check, of an ejabberd that connects to a socket', () => {
  it('accepts the settings in the documentation, also with a replay cache in memory', () => {
    const passwords = `[passwords]\nstore = "file:app"\n`;
    const checked = checkSettings(
      settingsForSocket(path),
      `${SECRETS}[replay]\nstore = "memory"\n${passwords}`,
    );
    expect(ofEjabberd(checked)).toEqual([expect.stringMatching(/^ok ejabberd-ok: .* for example\.com, /)]);
    // There is one xtokend, whatever the size of the pool.
    expect(checked.of('passwords-pool')).toEqual([]);
    expect(checked.of('passwords-no-address')).toEqual([expect.stringContaining('ejabberd, which asks for')]);
  });

  it.each([
    '- unix:SOCKET,forever',
    'UNIX-CLIENT:SOCKET,retry=3,interval=2 STDIO',
    'STDIO Unix:SOCKET,retry=1',
  ])('recognizes socat %s', (addresses) => {
    expect(foundFor(`${SOCAT} ${addresses.replace('SOCKET', path)}`)).toEqual([
      expect.stringContaining('ok ejabberd-ok: '),
    ]);
  });

  it.each([
    `${SOCAT} STDIO UNIX-CONNECT:SOCKET`,
    "sh -c 'socat - UNIX:SOCKET'",
    'nc -U SOCKET',
    'nc -NU SOCKET',
  ])('warns that ejabberd gives up if this ends at once: %s', (command) => {
    expect(foundFor(command.replace('SOCKET', path))).toEqual([
      expect.stringContaining('ok ejabberd-ok: '),
      expect.stringContaining(`retry=5'`),
    ]);
  });

  it('reports a missing program', () => {
    expect(foundFor(`/no/socat - UNIX:${path},retry=5`)).toEqual([
      'problem ejabberd-program: extauth_program: there is no /no/socat; apt install socat',
    ]);
  });

  it('reports a socket that is missing, or on which no process listens', async () => {
    expect(foundFor(documentedCommand('/no/socket'))).toEqual([
      'problem ejabberd-socket-missing: extauth_program connects to /no/socket, but there is no such socket; systemctl enable --now xtokend.socket, or correct the path in extauth_program',
    ]);
    await daemon.end();
    const left = foundFor(documentedCommand(path));
    await daemon.start();
    expect(left).toEqual([expect.stringContaining('but no process listens there')]);
  });

  it('reports that the user of ejabberd may not connect', (context) => {
    requireRoot(context);
    requirePackage(context, ejabberd !== undefined, 'ejabberd');
    const nobody = findAccount('nobody')?.gids[0] ?? 0;
    chownSync(path, 0, nobody);
    expect(foundFor(documentedCommand(path))).toEqual([
      `problem ejabberd-socket-unreachable: user ejabberd may not connect to ${path} (root:${nameOfGroup(nobody)}, mode 0660); usermod --append --groups ${nameOfGroup(nobody)} ejabberd && systemctl restart ejabberd`,
    ]);
    chownSync(path, 0, 0);
    expect(foundFor(documentedCommand(path))).toEqual([
      expect.stringContaining(
        `; xtokend serve --listen unix:${path},group=ejabberd; under systemd, SocketGroup=`,
      ),
    ]);
    chmodSync(dirname(path), 0o700);
    const inside = foundFor(documentedCommand(path));
    chmodSync(dirname(path), 0o711);
    expect(inside).toEqual([expect.stringContaining(`; chmod o+x ${dirname(path)}`)]);
  });

  it('notes that it cannot tell, if its user may not connect', (context) => {
    requireRoot(context);
    const files = [
      temporaryFile(`hosts: [example.com]\n${settingsForSocket(path)}`, 'ejabberd.yml'),
      temporaryFile(SECRETS),
    ] as const;
    for (const file of files) {
      chmodSync(dirname(file), 0o755);
      chmodSync(file, 0o644);
    }
    const args = ['check', '--json', '--ejabberd', files[0], '--config', files[1]];
    const options = { uid: OTHER_USER, gid: OTHER_USER, encoding: 'utf8', cwd: '/' } as const;
    const { findings } = JSON.parse(spawnSync(PROGRAM, args, options).stdout) as Pick<Checked, 'findings'>;
    expect(findings.filter(({ subject }) => subject === 'ejabberd').map(({ code }) => code)).toEqual([
      'ejabberd-program-unknown',
    ]);
  });

  it.each(['generic', 'native'])('reports a socket that is set to the protocol %s', async (protocol) => {
    const socket = await listen(`mode=0666,protocol=${protocol}`);
    expect(foundFor(documentedCommand(socket))).toEqual([
      expect.stringMatching(
        `^problem ejabberd-protocol: .* ${socket}, but .* the ${protocol} protocol there; `,
      ),
    ]);
    expect(foundFor(documentedCommand(await listen('mode=0666,protocol=ejabberd')))).toEqual([
      expect.stringContaining('ok ejabberd-ok: '),
    ]);
  });

  it('reports a process that does not answer', async () => {
    const socket = join(passableDirectory(), 'socket');
    // This process does nothing while it waits for the check.
    const server = createServer().listen(socket);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    chmodSync(socket, 0o666);
    expect(foundFor(documentedCommand(socket))).toEqual([
      expect.stringMatching(/^problem ejabberd-socket-no-answer: .* gives no valid answer; see the log/),
    ]);
  });
});
