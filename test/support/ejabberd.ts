import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf, end, hasEnded, survivorsOf } from './processes.js';
import { codeIn, replaced } from './documents.js';
import { freePort } from './ports.js';
import { collectLogsIn } from './collected-logs.js';
import type { Transport } from './xmpp-login.js';
import { PROGRAM } from './xtokend.js';

/** What an ejabberd is started with. */
export interface EjabberdOptions {
  /** The hosts that it serves, and how many xtokend processes it keeps for each. */
  readonly pools: Readonly<Record<string, number>>;
  /** The configuration of xtokend. */
  readonly configuration: string;
  /** What makes other settings of the documented ones of a host. */
  readonly hostSettings?: Readonly<Record<string, (documented: string) => string>>;
  /** More settings for the whole server. */
  readonly settings?: string;
}

/** An xtokend process that ejabberd has started. */
export interface PoolProcess {
  readonly pid: number;
  /** What it has logged so far. */
  readonly log: string;
}

const CONTROL = '/usr/sbin/ejabberdctl';
const START_MILLISECONDS = 30_000;
const STOP_MILLISECONDS = 5000;
/** So much of the end of the log says why it does not start. */
const LOG_CHARACTERS = 4000;

/** Whether Debian's ejabberd is there. */
export function hasEjabberd(): boolean {
  return existsSync(CONTROL);
}

/**
 * A running ejabberd, on loopback and in a directory of its own. It runs in Erlang itself and not by ejabberdctl, which
 * wants a user and a system service of its own; as it has no name in the network of Erlang, it needs no epmd either.
 * How it authenticates is what docs/ejabberd.md says.
 */
export class Ejabberd {
  readonly #folder: string;
  readonly #ports: Ports;
  readonly #pools: EjabberdOptions['pools'];
  readonly #process: ChildProcess;

  private constructor(directory: string, ports: Ports, pools: EjabberdOptions['pools']) {
    this.#folder = directory;
    this.#ports = ports;
    this.#pools = pools;
    this.#process = spawn('erl', erlangArguments(directory), {
      env: environment(directory),
      // Its standard input ends when this process does, whatever becomes of it; then so does ejabberd.
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  }

  /** @returns once it answers, and all xtokend processes are ready */
  static async start(options: EjabberdOptions): Promise<Ejabberd> {
    const directory = mkdtempSync(join(tmpdir(), 'xtokend-ejabberd-'));
    const ports = { tcp: await freePort(), http: await freePort() };
    writeFileSync(join(directory, 'xtokend.toml'), options.configuration, { mode: 0o600 });
    writeFileSync(join(directory, 'ejabberd.yml'), configurationOf(options, directory, ports));
    // It asks nobody about the names of its hosts.
    writeFileSync(join(directory, 'inetrc'), '{lookup, [file]}.\n');
    const ejabberd = new Ejabberd(directory, ports, options.pools);
    const latest = Date.now() + START_MILLISECONDS;
    while (!ejabberd.#isReady) {
      if (hasEnded(ejabberd.#process) || Date.now() > latest) {
        const log = ejabberd.log.slice(-LOG_CHARACTERS);
        await ejabberd.stop();
        throw new Error(`expected ejabberd to start; its log says\n${log}`);
      }
      await sleep(50);
    }
    return ejabberd;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** What it has logged so far, at level debug. */
  get log(): string {
    return readLog(join(this.#folder, 'ejabberd.log'));
  }

  /** The address for a client, over TCP or over WebSocket. */
  service(transport: Transport): string {
    const { tcp, http } = this.#ports;
    return transport === 'TCP' ? `xmpp://127.0.0.1:${tcp}` : `ws://127.0.0.1:${http}/ws`;
  }

  /** Its configuration file. */
  get file(): string {
    return join(this.#folder, 'ejabberd.yml');
  }

  /** Registers a local account, by the command that `ejabberdctl register` runs. @returns the HTTP status */
  async register(user: string, host: string, password: string): Promise<number> {
    const body = JSON.stringify({ user, host, password });
    const { status } = await fetch(`http://127.0.0.1:${this.#ports.http}/api/register`, {
      method: 'POST',
      body,
    });
    return status;
  }

  /** @returns the xtokend processes of a host that live */
  poolOf(host: string): PoolProcess[] {
    const children = descendantsOf(this.pid);
    return readdirSync(this.#folder)
      .map((file) => ({ file, pid: Number(/^pool-(.*)-(\d+)\.log$/.exec(file)?.[2]) }))
      .filter(({ file, pid }) => file.startsWith(`pool-${host}-`) && children.includes(pid))
      .map(({ file, pid }) => ({ pid, log: readLog(join(this.#folder, file)) }));
  }

  /** Tells it to stop, and kills whatever it leaves behind. */
  async stop(): Promise<void> {
    const descendants = descendantsOf(this.pid);
    await end(this.#process);
    for (const pid of await survivorsOf(descendants, STOP_MILLISECONDS)) process.kill(pid, 'SIGKILL');
    collectLogsIn(this.#folder);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #isReady(): boolean {
    const { tcp, http } = this.#ports;
    const isListening = [tcp, http].every((port) => this.log.includes(`connections at 127.0.0.1:${port} `));
    const isPoolReady = ([host, size]: [string, number]): boolean =>
      this.poolOf(host).filter(({ log }) => log.includes('info started')).length === size;
    return isListening && Object.entries(this.#pools).every(isPoolReady);
  }
}

interface Ports {
  readonly tcp: number;
  readonly http: number;
}

function configurationOf(options: EjabberdOptions, directory: string, { tcp, http }: Ports): string {
  const { pools, hostSettings = {}, settings = '' } = options;
  const hosts = Object.entries(pools).map(([host, size]) => {
    const documented = documentedSettings(directory, host, size);
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

/** The documented settings, for one host. Its processes log into a file each; ejabberd runs the program in a shell. */
function documentedSettings(directory: string, host: string, poolSize: number): string {
  const settings = replaced(codeIn('docs/ejabberd.md', 'yaml'), '/usr/bin/xtokend', PROGRAM);
  const option = '--protocol ejabberd';
  const logged = replaced(settings, option, `${option} 2>>${directory}/pool-${host}-$$.log`);
  return replaced(logged, 'extauth_pool_size: 2', `extauth_pool_size: ${poolSize}`);
}

function erlangArguments(directory: string): string[] {
  const endWithInput = 'spawn(fun() -> io:get_line([]), halt() end).';
  // Other tests run at the same time: no threads that spin while they wait.
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
    // Where Debian has put ejabberd differs from one kind of machine to the other.
    ERL_LIBS: /^ERL_LIBS='(.*)'$/m.exec(readFileSync(CONTROL, 'utf8'))?.[1],
    ERL_MAX_PORTS: '1024',
  };
}

function readLog(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
