import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { timeStepAt, TIME_STEP_MILLISECONDS } from '../../../src/credential/otp.js';
import { hasProgram } from '../run/requirements.js';

const BOOT_MILLISECONDS = 90_000;
/** The timeout of tests and hooks that use a machine: each starts dozens of processes, which takes long on a busy machine. */
export const TIMEOUT_MILLISECONDS = 120_000;
const NAMESPACES = ['--mount', '--pid', '--net', '--ipc', '--uts', '--cgroup'];

const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', TZ: 'UTC' };

/** The result of a command. */
export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A script that prepares a root directory and then runs boot.sh, and its arguments after the directory. */
export interface RootScript {
  readonly path: string;
  /** @param directory a temporary one, for files that the script needs */
  readonly args: (directory: string) => readonly string[];
}

/** A systemd that runs as process 1 of its own namespaces, on its own root directory (see boot.sh). */
export class BootedMachine {
  /** A temporary directory of this machine. */
  readonly directory: string;
  readonly #group: string;
  readonly #unshare: ChildProcess;
  #output = '';
  #pid = 0;
  #bootedAt = 0;

  /** @param command runs instead of systemd, if it is not empty */
  protected constructor(script: RootScript, command: readonly string[] = []) {
    this.directory = mkdtempSync(join(tmpdir(), 'xtokend-systemd-'));
    this.#group = join(controlGroups() ?? '', basename(this.directory));
    mkdirSync(this.#group);
    const root = join(this.directory, 'root');
    mkdirSync(root);
    const unshare = ['unshare', ...NAMESPACES, '--fork', '--propagation', 'private'];
    // Enters a control group first, which becomes the root of the hierarchy that systemd sees.
    const enter = 'echo $$ >"$0/cgroup.procs" && exec "$@"';
    const boot = ['sh', script.path, root, ...script.args(this.directory), ...command];
    this.#unshare = spawn('sh', ['-c', enter, this.#group, ...unshare, ...boot]);
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

  /** Runs one command instead of systemd, to inspect a machine. Returns its output. */
  protected static async runInstead(script: RootScript, command: readonly string[]): Promise<string> {
    const machine = new BootedMachine(script, command);
    await once(machine.#unshare, 'close');
    await machine.#remove();
    return machine.#output;
  }

  /** Returns when systemd is running. @throws if it doesn't boot; the machine is then stopped */
  protected async booted(): Promise<this> {
    const end = Date.now() + BOOT_MILLISECONDS;
    while (!this.#isUp()) {
      if (Date.now() > end || this.#unshare.exitCode !== null) {
        const state = this.#pid === 0 ? '' : this.run('systemctl list-jobs; systemctl --failed').stdout;
        await this.stop();
        throw new Error(`expected systemd to boot; its output:\n${this.#output}${state}`);
      }
      // Each look starts two processes, while the machine starts many.
      await sleep(200);
    }
    this.#bootedAt = Date.now();
    return this;
  }

  /**
   * Waits until xtokend accepts tokens of a clock that is one time step ahead. Tokens of the time step in which the machine started, and of
   * the next one, could have been used before.
   */
  async acceptsTokensAhead(): Promise<void> {
    const next = (timeStepAt(this.#bootedAt) + 1) * TIME_STEP_MILLISECONDS;
    await sleep(Math.max(next - Date.now() + 100, 0));
  }

  /** Runs a shell script on the machine. */
  run(script: string, user = 'root'): Said {
    const as = user === 'root' ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups'];
    return spawnSync('nsenter', this.#entering([...as, 'sh', '-euc', script]), {
      encoding: 'utf8',
      env: ENV,
    });
  }

  /** Runs a shell script on the machine, without blocking this process. */
  async runMeanwhile(script: string): Promise<Said> {
    const child = spawn('nsenter', this.#entering(['sh', '-euc', script]), {
      env: ENV,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { status, stdout, stderr };
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

  /** Starts a program of the real machine in the network of this one. @param stdio of spawn() */
  spawnInNetwork(command: readonly string[], stdio: StdioOptions): ChildProcess {
    return spawn('nsenter', ['--target', String(this.#pid), '--net', ...command], { stdio });
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

  #entering(command: readonly string[]): string[] {
    return ['--target', String(this.#pid), ...NAMESPACES, '--root', '--wd', ...command];
  }

  async #remove(): Promise<void> {
    await removeGroup(this.#group);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Returns the mount point of the control groups of version 2. */
function controlGroups(): string | undefined {
  return /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
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
