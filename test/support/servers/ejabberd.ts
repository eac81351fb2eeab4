import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLineOf, descendantsOf, end, hasEnded, survivorsOf } from '../system/processes.js';
import { replaced } from '../documents.js';
import { freePort } from '../system/ports.js';
import { collectLogsIn } from '../run/collected-logs.js';
import type { Transport } from './xmpp-login.js';
import { PROGRAM } from '../xtokend.js';
import { settingsForProgram, settingsForSocket } from './ejabberd-settings.js';

/** The parameters of {@link Ejabberd.start}. */
export interface EjabberdOptions {
  /** The hosts that it serves, and how many processes it runs for each. */
  readonly pools: Readonly<Record<string, number>>;
  /** The text of xtokend's configuration file. */
  readonly configuration: string;
  /** Changes the documented settings of a host. */
  readonly hostSettings?: Readonly<Record<string, (documented: string) => string>>;
  /** More settings for the whole server. */
  readonly settings?: string;
  /** The socket of a running xtokend. Without it, ejabberd starts xtokend itself. */
  readonly socket?: string;
}

/** An xtokend process that ejabberd started. */
export interface PoolProcess {
  readonly pid: number;
  /** The lines that it has logged so far. */
  readonly log: string;
}

const CONTROL = '/usr/sbin/ejabberdctl';
const START_MILLISECONDS = 60_000;
const STOP_MILLISECONDS = 5000;
/** How many characters of the log the error contains if ejabberd does not start. */
const LOG_CHARACTERS = 4000;

/** Returns whether Debian's ejabberd is installed. */
export function hasEjabberd(): boolean {
  return existsSync(CONTROL);
}

/**
 * A running ejabberd, on loopback and in a directory of its own, with the settings of docs/ejabberd.md. Runs `erl` instead of
 * ejabberdctl, which needs a user and a system service. Its node has no name, so it does not need epmd.
 */
export class Ejabberd {
  readonly #directory: string;
  readonly #ports: Ports;
  readonly #options: EjabberdOptions;
  readonly #process: ChildProcess;

  private constructor(directory: string, ports: Ports, options: EjabberdOptions) {
    this.#directory = directory;
    this.#ports = ports;
    this.#options = options;
    this.#process = spawn('erl', erlangArguments(directory), {
      env: environment(directory),
      // ejabberd stops at the end of stdin, so that it never outlives this process.
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  }

  /** Starts ejabberd, and returns when it listens and all its xtokend processes are ready. */
  static async start(options: EjabberdOptions): Promise<Ejabberd> {
    const directory = mkdtempSync(join(tmpdir(), 'xtokend-ejabberd-'));
    const ports = { tcp: await freePort(), http: await freePort() };
    writeFileSync(join(directory, 'xtokend.toml'), options.configuration, { mode: 0o600 });
    writeFileSync(join(directory, 'ejabberd.yml'), configurationOf(options, directory, ports));
    // Without DNS.
    writeFileSync(join(directory, 'inetrc'), '{lookup, [file]}.\n');
    const ejabberd = new Ejabberd(directory, ports, options);
    const latest = Date.now() + START_MILLISECONDS;
    while (!ejabberd.#isReady) {
      if (hasEnded(ejabberd.#process) || Date.now() > latest) {
        const log = ejabberd.log.slice(-LOG_CHARACTERS);
        await ejabberd.stop();
        throw new Error(`expected ejabberd to start; its log:\n${log}`);
      }
      await sleep(50);
    }
    return ejabberd;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The lines that it has logged so far, at level debug. */
  get log(): string {
    return readLog(join(this.#directory, 'ejabberd.log'));
  }

  /** Returns the address for a client. */
  service(transport: Transport): string {
    const { tcp, http } = this.#ports;
    return transport === 'TCP' ? `xmpp://127.0.0.1:${tcp}` : `ws://127.0.0.1:${http}/ws`;
  }

  /** The path of its configuration file. */
  get file(): string {
    return join(this.#directory, 'ejabberd.yml');
  }

  /** Registers a local account with the command that `ejabberdctl register` runs. Returns the HTTP status. */
  async register(user: string, host: string, password: string): Promise<number> {
    const body = JSON.stringify({ user, host, password });
    const { status } = await fetch(`http://127.0.0.1:${this.#ports.http}/api/register`, {
      method: 'POST',
      body,
    });
    return status;
  }

  /** Returns the running xtokend processes of a host. */
  poolOf(host: string): PoolProcess[] {
    const children = descendantsOf(this.pid);
    return readdirSync(this.#directory)
      .map((file) => ({ file, pid: Number(/^pool-(.*)-(\d+)\.log$/.exec(file)?.[2]) }))
      .filter(({ file, pid }) => file.startsWith(`pool-${host}-`) && children.includes(pid))
      .map(({ file, pid }) => ({ pid, log: readLog(join(this.#directory, file)) }));
  }

  /** The socat processes that connect it to a socket. */
  get bridges(): number[] {
    return descendantsOf(this.pid).filter((pid) => commandLineOf(pid).startsWith('/usr/bin/socat\0'));
  }

  /** Stops ejabberd, and kills processes that outlive it. */
  async stop(): Promise<void> {
    const descendants = descendantsOf(this.pid);
    await end(this.#process);
    for (const pid of await survivorsOf(descendants, STOP_MILLISECONDS)) process.kill(pid, 'SIGKILL');
    // If socat ends just before a login, logs of ejabberd can report a crash with the token. xtokend's log is elsewhere then.
    if (this.#options.socket === undefined) collectLogsIn(this.#directory);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #isReady(): boolean {
    const { tcp, http } = this.#ports;
    const isListening = [tcp, http].every((port) => this.log.includes(`connections at 127.0.0.1:${port} `));
    return isListening && this.#arePoolsReady;
  }

  get #arePoolsReady(): boolean {
    const { pools, socket } = this.#options;
    const size = Object.values(pools).reduce((sum, each) => sum + each, 0);
    if (socket !== undefined) return this.bridges.length === size;
    const isReady = ([host, count]: [string, number]): boolean =>
      this.poolOf(host).filter(({ log }) => log.includes('info started')).length === count;
    return Object.entries(pools).every(isReady);
  }
}

interface Ports {
  readonly tcp: number;
  readonly http: number;
}

function configurationOf(options: EjabberdOptions, directory: string, { tcp, http }: Ports): string {
  const { pools, hostSettings = {}, settings = '', socket } = options;
  const hosts = Object.entries(pools).map(([host, size]) => {
    const forHost = socket === undefined ? settingsWithLog(directory, host) : settingsForSocket(socket);
    const documented = replaced(forHost, 'extauth_pool_size: 2', `extauth_pool_size: ${size}`);
    const text = hostSettings[host]?.(documented) ?? documented;
    return `  "${host}":\n${text.replace(/^/gm, '    ')}`;
  });
  return `
hosts: [${Object.keys(pools).join(', ')}]
loglevel: debug
listen:
  - { port: ${tcp}, ip: "127.0.0.1", module: ejabberd_c2s }
  - { port: ${http}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: { /ws: ejabberd_http_ws, /api: mod_http_api } }
modules: { mod_ping: {} }
api_permissions: { tests: { who: { ip: 127.0.0.1/8 }, what: [register] } }
${settings}
host_config:
${hosts.join('\n')}
`;
}

/** Returns the documented settings of a host, changed so that each of its processes logs to a file. */
function settingsWithLog(directory: string, host: string): string {
  return settingsForProgram(`${PROGRAM} 2>>${directory}/pool-${host}-$$.log`);
}

function erlangArguments(directory: string): string[] {
  const endWithInput = 'spawn(fun() -> io:get_line([]), halt() end).';
  // Without busy waits, since other tests run at the same time.
  const threads = ['+S', '2:2', '+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none'];
  return [
    ...threads,
    '-noshell',
    '-mnesia',
    'dir',
    `"${directory}/database"`,
    '-s',
    'ejabberd',
    '-eval',
    endWithInput,
  ];
}

function environment(directory: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    STATE_DIRECTORY: process.env['STATE_DIRECTORY'],
    HOME: directory,
    XTOKEND_CONFIG: join(directory, 'xtokend.toml'),
    EJABBERD_CONFIG_PATH: join(directory, 'ejabberd.yml'),
    EJABBERD_LOG_PATH: join(directory, 'ejabberd.log'),
    ERL_CRASH_DUMP_BYTES: '0',
    ERL_INETRC: join(directory, 'inetrc'),
    // Debian's directory depends on the architecture.
    ERL_LIBS: /^ERL_LIBS='(.*)'$/m.exec(readFileSync(CONTROL, 'utf8'))?.[1],
    ERL_MAX_PORTS: '1024',
  };
}

function readLog(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
