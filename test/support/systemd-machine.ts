import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NODE } from './node.js';
import { hasProgram } from './programs.js';

const BOOT = fileURLToPath(new URL('../systemd/boot.sh', import.meta.url));
const BOOT_MILLISECONDS = 45_000;
const NAMESPACES = ['--mount', '--pid', '--net', '--ipc', '--uts', '--cgroup'];

/** What a command said. */
export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A systemd that runs as the first process of namespaces of its own, on a root of its own (see boot.sh), with xtokend installed. */
export class SystemdMachine {
  readonly #folder: string;
  readonly #group: string;
  readonly #unshare: ChildProcess;
  #output = '';
  #pid = 0;

  private constructor(directory: string, group: string, command: readonly string[]) {
    this.#folder = directory;
    this.#group = group;
    const local = installPackage(directory);
    const root = join(directory, 'root');
    mkdirSync(root);
    const unshare = ['unshare', ...NAMESPACES, '--fork', '--propagation', 'private'];
    // Enters a control group of its own first, which then is the root of all that systemd sees.
    const script = 'echo $$ >"$0/cgroup.procs" && exec "$@"';
    const boot = [BOOT, root, local, NODE, ...command];
    this.#unshare = spawn('sh', ['-c', script, group, ...unshare, ...boot]);
    for (const stream of [this.#unshare.stdout, this.#unshare.stderr]) {
      stream?.on('data', (data: Buffer) => (this.#output += data.toString()));
    }
  }

  /** @returns why no systemd can be booted here, or `undefined` */
  static impediment(): string | undefined {
    if (!existsSync('/lib/systemd/systemd')) return "Debian's systemd is not installed";
    if (controlGroups() === undefined) return 'there is no control group hierarchy of version 2';
    const missing = ['unshare', 'nsenter', 'setpriv', 'perl', 'ip'].find((program) => !hasProgram(program));
    if (missing !== undefined) return `there is no ${missing} in PATH`;
    const { status } = spawnSync('unshare', [...NAMESPACES, '--fork', 'true']);
    return status === 0 ? undefined : 'this user may not make namespaces';
  }

  /** Runs one command in the place of systemd, to see what it would see. */
  static async lookAround(command: readonly string[]): Promise<string> {
    const machine = new SystemdMachine(...places(), command);
    await once(machine.#unshare, 'close');
    await machine.#remove();
    return machine.#output;
  }

  /** @returns once it is up */
  static async boot(): Promise<SystemdMachine> {
    const machine = new SystemdMachine(...places(), []);
    const end = Date.now() + BOOT_MILLISECONDS;
    while (!machine.#isUp()) {
      if (Date.now() > end || machine.#unshare.exitCode !== null) {
        await machine.stop();
        throw new Error(`expected systemd to boot; it says\n${machine.#output}`);
      }
      await sleep(50);
    }
    return machine;
  }

  /** Runs a shell script inside. */
  run(script: string, user = 'root'): Said {
    const enter = ['--target', String(this.#pid), ...NAMESPACES, '--root', '--wd'];
    const as = user === 'root' ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin', TZ: 'UTC' };
    return spawnSync('nsenter', [...enter, ...as, 'sh', '-euc', script], { encoding: 'utf8', env });
  }

  /** Runs a shell script that must succeed; gives what it printed. */
  do(script: string): string {
    const { status, stdout, stderr } = this.run(script);
    if (status !== 0) throw new Error(`expected success of\n${script}\nfound ${status}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** @returns where a file of the machine is, seen from outside */
  path(inside: string): string {
    return `/proc/${this.#pid}/root${inside}`;
  }

  /** Ends it with all that runs in it, and takes away what it leaves. */
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
    // Until it is systemd, its root is still the real one.
    if (child === 0 || readFileSync(`/proc/${child}/comm`, 'utf8').trim() !== 'systemd') return false;
    this.#pid = child;
    return this.run('systemctl is-system-running').stdout.trim() === 'running';
  }

  async #remove(): Promise<void> {
    await removeGroup(this.#group);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function places(): [string, string] {
  const directory = mkdtempSync(join(tmpdir(), 'xtokend-systemd-'));
  const group = join(controlGroups() ?? '', basename(directory));
  mkdirSync(group);
  return [directory, group];
}

/** @returns where the hierarchy of version 2 is mounted */
function controlGroups(): string | undefined {
  return /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
}

/** @returns a directory with what npm would put into /usr/local */
function installPackage(directory: string): string {
  const local = join(directory, 'local');
  const quiet = ['--silent', '--offline', '--no-audit', '--no-fund'];
  const npm = (...args: string[]): string => spawnSync('npm', args, { encoding: 'utf8' }).stdout.trim();
  const tarball = npm('pack', '--ignore-scripts', '--silent', '--pack-destination', directory);
  npm('install', '--global', ...quiet, '--prefix', local, resolve(directory, tarball));
  return local;
}

/** The kernel takes a moment to see that nobody is left in it. */
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
