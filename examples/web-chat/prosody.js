// Starts a Prosody for the demo: on loopback, with its own configuration and data, and with the clone's xtokend.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_MILLISECONDS = 20_000;
const STOP_MILLISECONDS = 5000;

/** The community modules for FAST, and the directory in which Debian installs them. */
const FAST_MODULES = ['sasl2', 'sasl2_bind2', 'sasl2_fast', 'sasl2_sm'];
const DEBIAN_MODULES = '/usr/lib/prosody/modules';

/** Returns which Prosody is installed, and what it lacks for FAST; or `undefined` if there is none. */
export function findProsody({ program = 'prosody', modules = DEBIAN_MODULES }) {
  const { stdout } = spawnSync(`${program}ctl`, ['about'], { encoding: 'utf8' });
  const version = /^Prosody (\d+\S*)/m.exec(stdout ?? '')?.[1];
  if (version === undefined) return undefined;
  const missing = FAST_MODULES.filter((name) => !existsSync(join(modules, `mod_${name}`)));
  let fastProblem;
  if (Number.parseInt(version, 10) < 13) {
    fastProblem = `FAST needs Prosody 13.0 or later; this is ${version}. It is in Debian 13, and in the backports of Debian 12.`;
  } else if (missing.length > 0) {
    fastProblem = `FAST needs the community modules of Prosody. To install them: sudo apt install prosody-modules`;
  }
  return { program, modules, version, fastProblem };
}

/** A running Prosody. */
export class Prosody {
  #command;
  #port;
  #child;
  #isStopping = false;

  /** @param options `host`, `port` of the WebSocket, `users`, `directory`, and `xtokend`: the command that Prosody runs */
  constructor(found, options) {
    mkdirSync(join(options.directory, 'prosody'), { recursive: true });
    const configuration = join(options.directory, 'prosody.cfg.lua');
    writeFileSync(configuration, configurationOf(found, options));
    this.#port = options.port;
    // Ends Prosody if this process is killed. Prosody in turn ends xtokend.
    const withParent = existsSync('/usr/bin/setpriv') ? ['setpriv', '--pdeathsig', 'TERM'] : [];
    this.#command = [...withParent, found.program, '-F', '--config', configuration];
  }

  /** Returns when it accepts connections. */
  async start() {
    // An xtokend that is still starting or ending can hold the port of the last Prosody, which it inherited.
    const isFree = async () => !(await accepts(this.#port));
    if (!(await isTrueWithin(STOP_MILLISECONDS, isFree))) {
      throw Object.assign(new Error(`another program uses port ${this.#port}`), { code: 'EADDRINUSE' });
    }
    const [program, ...args] = this.#command;
    // The terminal sends SIGINT to all programs of the demo; start.js alone decides what ends when.
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], detached: true });
    this.#child = child;
    child.on('exit', (code, signal) => {
      if (this.#child !== child || this.#isStopping) return;
      console.error(`Prosody ended unexpectedly (${signal ?? code}); starting it again`);
      setTimeout(() => {
        if (this.#child === child) this.start().catch(({ message }) => console.error(message));
      }, 1000);
    });
    const isSettled = async () => hasEnded(child) || (await accepts(this.#port));
    if (!(await isTrueWithin(START_MILLISECONDS, isSettled)) || hasEnded(child)) {
      throw new Error(`Prosody does not start; see prosody.log, or run: ${this.#command.join(' ')}`);
    }
  }

  async stop() {
    this.#isStopping = true;
    const child = this.#child;
    if (child !== undefined && !hasEnded(child)) {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MILLISECONDS);
      child.kill('SIGTERM');
      await once(child, 'exit');
      clearTimeout(timer);
    }
    this.#isStopping = false;
  }

  async restart() {
    await this.stop();
    await this.start();
  }
}

function configurationOf({ modules, fastProblem }, { host, port, users, directory, xtokend, plugins }) {
  const quoted = JSON.stringify;
  const list = (values) => values.map((value) => quoted(value)).join(', ');
  const groups = join(directory, 'groups.txt');
  writeFileSync(
    groups,
    ['[Demo]', ...Array.from(users, ([name, label]) => `${name}@${host}=${label}`)].join('\n'),
  );
  return `-- start.js writes this file at each start.
run_as_root = ${process.getuid() === 0}
pidfile = ${quoted(join(directory, 'prosody.pid'))}
data_path = ${quoted(join(directory, 'prosody'))}
certificates = ${quoted(directory)}
log = { info = ${quoted(join(directory, 'prosody.log'))} }
plugin_paths = { ${list([plugins, modules])} }

modules_enabled = {
    "roster", "saslauth", "disco", "ping", "websocket", "smacks", "carbons", "mam", "pep", "vcard4", "vcard_legacy",
    "blocklist", "groups"
}
modules_disabled = { "s2s" }
groups_file = ${quoted(groups)} -- all users are in each other's contact lists

-- Only this machine can connect, and only by WebSocket.
c2s_ports, c2s_direct_tls_ports, https_ports = {}, {}, {}
http_interfaces, http_ports = { "127.0.0.1" }, { ${port} }
http_default_host = "${host}"
consider_websocket_secure = true -- in production, the reverse proxy has TLS

VirtualHost "${host}"
    authentication = "xtoken"
    xtoken_command = { ${list(xtokend)} }
    ${fastProblem === undefined ? `modules_enabled = { ${list(FAST_MODULES)} }` : '-- without FAST'}
`;
}

/** Returns whether a condition becomes true in time. */
async function isTrueWithin(milliseconds, condition) {
  const latest = Date.now() + milliseconds;
  while (!(await condition())) {
    if (Date.now() > latest) return false;
    await sleep(50);
  }
  return true;
}

function hasEnded({ exitCode, signalCode }) {
  return exitCode !== null || signalCode !== null;
}

function accepts(port) {
  return new Promise((settle) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      settle(true);
    }).on('error', () => settle(false));
  });
}
