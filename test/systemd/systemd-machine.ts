import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NODE } from '../support/run/node.js';
import { hasProgram } from '../support/run/requirements.js';

const BOOT = fileURLToPath(new URL('./boot.sh', import.meta.url));
const BOOT_MILLISECONDS = 90_000;
/** The timeout of tests and hooks that use a machine: each starts dozens of processes, which takes long on a busy machine. */
export const TIMEOUT_MILLISECONDS = 120_000;
const NAMESPACES = ['--mount', '--pid', '--net', '--ipc', '--uts', '--cgroup'];

/** The result of a command. */
export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A systemd that runs as process 1 of its own namespaces, on its own root directory (see boot.sh), with xtokend installed. */
export class SystemdMachine {
  readonly #directory: string;
  readonly #group: string;
  readonly #unshare: ChildProcess;
  #output = '';
  #pid = 0;

  private constructor(
    [directory, group]: readonly [string, string],
    local: string,
    command: readonly string[],
  ) {
    this.#directory = directory;
    this.#group = group;
    const root = join(directory, 'root');
    mkdirSync(root);
    const unshare = ['unshare', ...NAMESPACES, '--fork', '--propagation', 'private'];
    // Enters a control group first, which becomes the root of the hierarchy that systemd sees.
    const script = 'echo $$ >"$0/cgroup.procs" && exec "$@"';
    const boot = [BOOT, root, local, NODE, ...command];
    this.#unshare = spawn('sh', ['-c', script, group, ...unshare, ...boot]);
    for (const stream of [this.#unshare.stdout, this.#unshare.stderr]) {
      stream?.on('data', (data: Buffer) => (this.#output += data.toString()));
    }
  }

  /** Returns why systemd cannot boot on this machine, or `undefined` if it can. */
  static impediment(): string | undefined {
    if (!existsSync('/lib/systemd/systemd')) return "Debian's systemd is not installed";
    if (controlGroups() === undefined) return 'there is no control group hierarchy of version 2';
    const missing = ['unshare', 'nsenter', 'setpriv', 'perl', 'ip'].find((program) => !hasProgram(program));
    if (missing !== undefined) return `there is no ${missing} in PATH`;
    const { status } = spawnSync('unshare', [...NAMESPACES, '--fork', 'true']);
    return status === 0 ? undefined : 'this user may not create namespaces';
  }

  /** Runs one command instead of systemd, to inspect the machine. xtokend is not installed on it. */
  static async lookAround(command: readonly string[]): Promise<string> {
    const own = places();
    const local = join(own[0], 'local');
    mkdirSync(join(local, 'bin'), { recursive: true });
    const machine = new SystemdMachine(own, local, command);
    await once(machine.#unshare, 'close');
    await machine.#remove();
    return machine.#output;
  }

  /** Boots a machine, and returns when it is running. */
  static async boot(): Promise<SystemdMachine> {
    const own = places();
    const machine = new SystemdMachine(own, installPackage(own[0]), []);
    const end = Date.now() + BOOT_MILLISECONDS;
    while (!machine.#isUp()) {
      if (Date.now() > end || machine.#unshare.exitCode !== null) {
        await machine.stop();
        throw new Error(`expected systemd to boot; its output:\n${machine.#output}`);
      }
      // Each look starts two processes, while the machine starts many.
      await sleep(200);
    }
    return machine;
  }

  /** Runs a shell script on the machine. */
  run(script: string, user = 'root'): Said {
    const enter = ['--target', String(this.#pid), ...NAMESPACES, '--root', '--wd'];
    const as = user === 'root' ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups'];
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin', TZ: 'UTC' };
    return spawnSync('nsenter', [...enter, ...as, 'sh', '-euc', script], { encoding: 'utf8', env });
  }

  /** Runs a shell script and returns its output. @throws if it fails */
  do(script: string): string {
    const { status, stdout, stderr } = this.run(script);
    if (status !== 0) throw new Error(`expected success of\n${script}\nfound ${status}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** Returns the path by which this machine can reach a file of the other. */
  path(inside: string): string {
    return `/proc/${this.#pid}/root${inside}`;
  }

  /** Kills all processes of the machine and deletes its files. */
  async stop(): Promise<void> {
    if (this.#unshare.exitCode === null) {
      process.kill(this.#pid === 0 ? (this.#unshare.pid ?? 0) : this.#pid, 'SIGKILL');
      await once(this.#unshare, 'close');
    }
    await this.#remove();
  }

  #isUp(): boolean {
    const { pid } = this.#unshare;
    const child = Number(readFileSync(`/proc/${pid ?? 0}/task/${pid ?? 0}/children`, 'utf8').trim());
    // Until it is systemd, its root directory is the real one.
    if (child === 0 || readFileSync(`/proc/${child}/comm`, 'utf8').trim() !== 'systemd') return false;
    this.#pid = child;
    return this.run('systemctl is-system-running').stdout.trim() === 'running';
  }

  async #remove(): Promise<void> {
    await removeGroup(this.#group);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function places(): [string, string] {
  const directory = mkdtempSync(join(tmpdir(), 'xtokend-systemd-'));
  const group = join(controlGroups() ?? '', basename(directory));
  mkdirSync(group);
  return [directory, group];
}

/** Returns the mount point of the control groups of version 2. */
function controlGroups(): string | undefined {
  return /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
}

/** Installs the package in a directory as npm would in /usr/local, and returns that directory. */
function installPackage(directory: string): string {
  const local = join(directory, 'local');
  const quiet = ['--silent', '--offline', '--no-audit', '--no-fund'];
  const npm = (...args: string[]): string => spawnSync('npm', args, { encoding: 'utf8' }).stdout.trim();
  const tarball = npm('pack', '--ignore-scripts', '--silent', '--pack-destination', directory);
  npm('install', '--global', ...quiet, '--prefix', local, resolve(directory, tarball));
  return local;
}

/** Removes a control group, which the kernel allows only a moment after its last process has ended. */
async function removeGroup(group: string): Promise<void> {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeGroup(join(group, entry.name));
  }
  for (let attempt = 0; attempt < 50; attempt += 1) {
    try {
      rmdirSync(group);
      return;
    } catch {
      await sleep(20);
    }
  }
  rmdirSync(group);
}
