import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A file system is filled only if so little is free: others use the larger ones. */
const MAX_FREE_BYTES = 64 * 1024 * 1024;
const MAX_FREE_INODES = 2000;
const FILLER = Buffer.alloc(64 * 1024);

/** Disrupts the file system of a state directory. Each function returns once everything is as before. */
export class Disruptions {
  readonly counts: Record<
    'movesBack' | 'movesForGood' | 'fullDisks' | 'noInodes' | 'immutable' | 'readOnly',
    number
  > = {
    movesBack: 0,
    movesForGood: 0,
    fullDisks: 0,
    noInodes: 0,
    immutable: 0,
    readOnly: 0,
  };
  readonly #state: string;
  readonly #root: string;
  #moved = 0;

  /** @param state the directory that holds the replay cache */
  constructor(state: string) {
    this.#state = state;
    this.#root = join(state, 'replay-cache');
  }

  /** Moves the replay cache away for a moment. If a new one was created meanwhile, it is moved away instead. */
  async moveAwayAndBack(): Promise<void> {
    const away = this.#moveAway();
    if (away === undefined) return;
    await sleep(Math.random() * 200);
    while (!tryRename(away, this.#root)) this.#moveAway();
    this.counts.movesBack += 1;
  }

  moveForGood(): void {
    if (this.#moveAway() !== undefined) this.counts.movesForGood += 1;
  }

  /** Uses up all space for a moment. */
  async fill(): Promise<void> {
    const { bavail, bsize } = statfsSync(this.#state);
    if (bavail * bsize > MAX_FREE_BYTES) return;
    const path = join(this.#state, 'filler');
    const filler = openSync(path, 'w');
    // The last bytes, too.
    for (let size = FILLER.length; size >= 1; size = Math.floor(size / 4)) while (tryWrite(filler, size));
    await sleep(Math.random() * 400);
    closeSync(filler);
    rmSync(path);
    this.counts.fullDisks += 1;
  }

  /** Uses up all inodes for a moment. */
  async useInodes(): Promise<void> {
    const { files, ffree } = statfsSync(this.#state);
    // Btrfs makes them as needed, and returns 0.
    if (files === 0 || ffree > MAX_FREE_INODES) return;
    const paths: string[] = [];
    try {
      for (let count = 0; ; count += 1) {
        const path = join(this.#state, `inode-${count}`);
        writeFileSync(path, '');
        paths.push(path);
      }
    } catch {
      await sleep(Math.random() * 400);
    }
    for (const path of paths) rmSync(path);
    this.counts.noInodes += 1;
  }

  /** Forbids all changes for a moment, also through open files: this user is root, and the file system has the attribute. */
  async makeImmutable(): Promise<void> {
    const { status } = spawnSync('chattr', ['-R', '+i', this.#root], { stdio: 'ignore' });
    if (status === 0) await sleep(Math.random() * 400);
    spawnSync('chattr', ['-R', '-i', this.#root], { stdio: 'ignore' });
    if (status === 0) this.counts.immutable += 1;
  }

  /** Makes the mount point read-only or writable. Fails if a file is open for writing. */
  remount(option: 'ro' | 'rw'): void {
    // Only this mount point: not the file system, which may be that of the whole machine.
    execFileSync('mount', ['-o', `remount,bind,${option}`, this.#state]);
    if (option === 'ro') this.counts.readOnly += 1;
  }

  #moveAway(): string | undefined {
    this.#moved += 1;
    const away = join(this.#state, `moved-${this.#moved}`);
    return tryRename(this.#root, away) ? away : undefined;
  }

  /** Removes what was moved away, of which nothing is put back any more. */
  removeMoved(): void {
    for (const name of readdirSync(this.#state))
      if (name.startsWith('moved-')) rmSync(join(this.#state, name), { recursive: true });
  }
}

function tryRename(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

function tryWrite(descriptor: number, size: number): boolean {
  try {
    return writeSync(descriptor, FILLER, 0, size) > 0;
  } catch {
    return false;
  }
}
