import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectLogsIn } from '../run/collected-logs.js';
import { replaced } from '../documents.js';
import { accepts, freePort } from '../system/ports.js';
import { end } from '../system/processes.js';
import type { Transport } from './xmpp-login.js';

/** A release of Prosody. */
export interface ProsodyRelease {
  readonly name: string;
  readonly program: string;
}

/** The release of Debian. */
export const PROSODY_0_12: ProsodyRelease = { name: 'Prosody 0.12', program: '/usr/bin/prosody' };
/** The release that scripts/test-servers adds. */
export const PROSODY_13_0: ProsodyRelease = {
  name: 'Prosody 13.0',
  program: resolve('local/test-servers/prosody-13/usr/bin/prosody'),
};
export const releases: readonly ProsodyRelease[] = [PROSODY_0_12, PROSODY_13_0];

/** lpty for Prosody's version of Lua, which scripts/test-servers compiles because Debian does not package it. */
export const LPTY_DIRECTORY: string = resolve('local/test-servers/lua5.4');

/** The community modules of Prosody 13.0, which scripts/test-servers adds. */
export const COMMUNITY_MODULES: string = resolve(
  'local/test-servers/prosody-modules/usr/lib/prosody/modules',
);

/** Returns whether a release is installed. */
export function isInstalled({ program }: ProsodyRelease): boolean {
  return existsSync(program);
}

/** The parameters of {@link Prosody.start}. */
export interface ProsodyOptions {
  readonly release: ProsodyRelease;
  /** The path of xtokend's socket. */
  readonly socketPath?: string;
  /** Replaces prosody.cfg.example.lua in its configuration. */
  readonly configuration?: string;
  /** Additional settings of the host example.com. */
  readonly settings?: string;
  /** Additional directories of modules. */
  readonly plugins?: readonly string[];
  /** Text for the end of the configuration, such as more hosts. */
  readonly more?: string;
  readonly networkBackend?: 'epoll' | 'event' | 'select';
  readonly env?: NodeJS.ProcessEnv;
  /** How many descriptors it can open. */
  readonly descriptorLimit?: number;
}

const START_MILLISECONDS = 30_000;

/** A running Prosody, on loopback and in a directory of its own. Its configuration is prosody.cfg.example.lua. */
export class Prosody {
  readonly directory: string;
  readonly c2sPort: number;
  readonly httpPort: number;
  readonly #options: ProsodyOptions;
  #process: ChildProcess;

  private constructor(directory: string, c2sPort: number, httpPort: number, options: ProsodyOptions) {
    this.directory = directory;
    this.c2sPort = c2sPort;
    this.httpPort = httpPort;
    this.#options = options;
    this.#process = this.#spawn();
  }

  static async start(options: ProsodyOptions): Promise<Prosody> {
    const directory = mkdtempSync(join(tmpdir(), 'xtokend-prosody-'));
    const [c2sPort, httpPort] = [await freePort(), await freePort()];
    mkdirSync(join(directory, 'data'));
    writeFileSync(join(directory, 'prosody.cfg.lua'), configurationOf(options, directory, c2sPort, httpPort));
    const prosody = new Prosody(directory, c2sPort, httpPort, options);
    await prosody.#listening();
    return prosody;
  }

  /** Ends the process, and starts another one with the same data and ports. */
  async restart(): Promise<void> {
    await end(this.#process);
    this.#process = this.#spawn();
    await this.#listening();
  }

  #spawn(): ChildProcess {
    const { release, env, descriptorLimit } = this.#options;
    const limit = descriptorLimit === undefined ? '' : `ulimit -n ${descriptorLimit};`;
    const command = [release.program, '-F', '--config', join(this.directory, 'prosody.cfg.lua')];
    return spawn('sh', ['-c', `${limit} exec "$@"`, 'sh', ...command], {
      env: { PATH: process.env['PATH'], STATE_DIRECTORY: process.env['STATE_DIRECTORY'], ...env },
      stdio: 'ignore',
    });
  }

  /** Returns when it accepts connections. */
  async #listening(): Promise<void> {
    const latest = Date.now() + START_MILLISECONDS;
    const listens = (port: number): Promise<boolean> => accepts({ port, host: '127.0.0.1' });
    while (!((await listens(this.c2sPort)) && (await listens(this.httpPort)))) {
      if (Date.now() > latest) throw new Error(`expected Prosody to start; its log:\n${this.log}`);
      await sleep(50);
    }
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The lines that it has logged so far. */
  get log(): string {
    const path = join(this.directory, 'prosody.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '(nothing)';
  }

  /** Returns the address for a client. */
  service(transport: Transport): string {
    return transport === 'TCP'
      ? `xmpp://127.0.0.1:${this.c2sPort}`
      : `ws://127.0.0.1:${this.httpPort}/xmpp-websocket`;
  }

  /** Reloads mod_auth_xtoken, as an administrator does after an upgrade. */
  async reloadModule(): Promise<void> {
    const output = await this.shell('module', 'reload', 'auth_xtoken', 'example.com');
    if (!output.includes('OK: Module reloaded')) throw new Error(`expected a reloaded module: ${output}`);
  }

  /** Runs a command of `prosodyctl shell`, and returns what it prints. */
  async shell(...command: readonly string[]): Promise<string> {
    const args = ['--config', join(this.directory, 'prosody.cfg.lua'), 'shell', ...command];
    return new Promise((complete) => {
      execFile(
        `${this.#options.release.program}ctl`,
        args,
        { timeout: START_MILLISECONDS },
        (_, stdout, stderr) => {
          complete(stdout + stderr);
        },
      );
    });
  }

  async stop(): Promise<void> {
    await end(this.#process);
    collectLogsIn(this.directory);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function configurationOf(
  options: ProsodyOptions,
  directory: string,
  c2sPort: number,
  httpPort: number,
): string {
  return `
    run_as_root = true
    network_backend = "${options.networkBackend ?? 'epoll'}"
    pidfile = "${directory}/prosody.pid"
    data_path = "${directory}/data"
    admin_socket = "${directory}/admin.sock"
    log = { debug = "${directory}/prosody.log" }
    modules_enabled = { "roster", "saslauth", "disco", "ping", "presence", "message", "iq", "admin_shell", "websocket", "http_openmetrics" }
    modules_disabled = { "s2s", "offline" }
    c2s_interfaces, http_interfaces = { "127.0.0.1" }, { "127.0.0.1" }
    c2s_ports, http_ports, https_ports = { ${c2sPort} }, { ${httpPort} }, {}
    c2s_require_encryption, allow_unencrypted_plain_auth, consider_websocket_secure = false, true, true
    statistics, statistics_interval = "internal", "manual"
    http_default_host = "example.com"
    ${options.configuration ?? exampleFor(options.socketPath, options.plugins)}
    ${options.settings === undefined ? '' : `VirtualHost "example.com"\n${options.settings}`}
    ${options.more ?? ''}
  `;
}

/** Returns prosody.cfg.example.lua with the module of this directory. @param plugins additional directories of modules */
export function exampleFor(socketPath: string = '/no/such/socket', plugins: readonly string[] = []): string {
  const example = readFileSync('prosody.cfg.example.lua', 'utf8');
  const directories = [resolve('prosody'), ...plugins].join('", "');
  const withModule = replaced(example, '/usr/local/lib/prosody/modules', directories);
  return replaced(withModule, '/run/xtokend/xtokend.sock', socketPath);
}
