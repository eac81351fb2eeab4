import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';

/** Options of {@link spawnGroup}. */
export interface SpawnOptions {
  /** An absolute path, and arguments. */
  readonly command: readonly [string, ...string[]];
  /** Only variables that describe the machine and the user are passed on. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** Whether stderr is a pipe. Otherwise it is discarded. */
  readonly hasStderr: boolean;
}

const PASSED_ON = /^(?:PATH|HOME|LANG|LC_[A-Z]+|TZ|USER|LOGNAME)$/;
const STDIO_COUNT = 3;
/** Of Linux. */
const O_CLOEXEC = 0o2000000;
/** Above it, the list of descriptors for the child would become too long. */
const MAX_DESCRIPTOR = 65_535;

/** The leaders of the process groups that run. They must not outlive this process. */
const leaders = new Set<number>();
let inherited: readonly number[] | undefined;

/**
 * Starts a program as the leader of a process group, with pipes for stdin and stdout. The child inherits no other descriptors.
 *
 * @returns a child without a `pid` if it can't be started; then it emits `error`
 * @throws if it can't be started
 */
export function spawnGroup({ command, env, hasStderr }: SpawnOptions): ChildProcess {
  const [path, ...args] = command;
  inherited ??= listInheritable();
  const unused = inherited.length > 0 ? openSync('/dev/null', 'r+') : undefined;
  try {
    const child = spawn(path, args, {
      cwd: '/',
      // The group includes what a script starts.
      detached: true,
      env: Object.fromEntries(Object.entries(env).filter(([name]) => PASSED_ON.test(name))),
      stdio: ['pipe', 'pipe', hasStderr ? 'pipe' : 'ignore', ...covered(inherited, unused)],
    });
    if (child.pid !== undefined) register(child, child.pid);
    return child;
  } finally {
    if (unused !== undefined) closeSync(unused);
  }
}

/** Kills what is left of the group of a child. */
export function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined && leaders.has(pid)) kill(pid);
}

function register(child: ChildProcess, leader: number): void {
  if (leaders.size === 0) process.on('exit', killAll);
  leaders.add(leader);
  child.once('exit', () => {
    // The leader may have left others behind.
    kill(leader);
    leaders.delete(leader);
    if (leaders.size === 0) process.off('exit', killAll);
  });
}

function killAll(): void {
  for (const leader of leaders) kill(leader);
}

function kill(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // The group is empty, or another user's (setuid).
  }
}

/** Lists `'ignore'`, which leaves a descriptor as it is, up to the last inherited one. */
function covered(descriptors: readonly number[], unused: number | undefined): (number | 'ignore')[] {
  if (unused === undefined) return [];
  const count = Math.max(...descriptors) - STDIO_COUNT + 1;
  return Array.from({ length: count }, (_, index) =>
    descriptors.includes(index + STDIO_COUNT) ? unused : 'ignore',
  );
}

/**
 * Lists the descriptors that each child would inherit. They come from the process that started this one: Node.js opens files with
 * O_CLOEXEC, and sets it for inherited descriptors, but only up to the first gap after 15.
 */
function listInheritable(): number[] {
  try {
    const directory = '/proc/self/fdinfo';
    return readdirSync(directory)
      .map(Number)
      .filter((descriptor) => descriptor >= STDIO_COUNT && descriptor <= MAX_DESCRIPTOR)
      .filter((descriptor) => isInheritable(`${directory}/${descriptor}`));
  } catch {
    // Only Linux has them.
    return [];
  }
}

function isInheritable(path: string): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(path, 'latin1'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    // The descriptor of the directory itself is closed meanwhile.
    return false;
  }
}
