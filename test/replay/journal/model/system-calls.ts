import { constants } from 'node:fs';
import type { FaultSequence } from './faults.js';
import { systemError, type Entry, type SimulatedFile, type SimulatedFileSystem } from './file-system.js';

/** The user of all processes. */
export const UID = 1000;

/** The process that makes system calls. */
export interface Caller {
  readonly files: SimulatedFileSystem;
  readonly faults: FaultSequence;
  readonly openFiles: Map<number, SimulatedFile>;
  /** What it does in the next phase of the event loop. */
  readonly immediates: (() => void)[];
  /** Makes one system call, as soon as it is this process's turn. */
  readonly step: <T>(call: () => T) => T;
  /** Returns characters that are unique. */
  readonly random: (length: number) => string;
}

type Module = Readonly<Record<string, unknown>>;

/** Returns what the code gets for `node:fs`: only the functions that the replay cache uses. */
export function fileSystemModule(caller: () => Caller): Module {
  return { constants, ...readers(caller), ...writers(caller), ...changes(caller) };
}

function fileOf({ openFiles }: Caller, descriptor: number): SimulatedFile {
  const file = openFiles.get(descriptor);
  if (file === undefined) throw systemError('EBADF');
  return file;
}

function readers(caller: () => Caller): Module {
  const stat = (path: string, options: StatOptions = {}): unknown => {
    const { step, files } = caller();
    return step(() => {
      const entry = files.find(path);
      if (entry === undefined && options.throwIfNoEntry !== false) throw systemError('ENOENT');
      return entry && statsOf(entry, options);
    });
  };
  return {
    statSync: stat,
    lstatSync: stat,
    fstatSync: (descriptor: number, options: StatOptions) => {
      const process = caller();
      return process.step(() => statsOf(fileOf(process, descriptor), options));
    },
    readlinkSync: (path: string) => {
      const { step, files } = caller();
      return step(() => files.readLink(path));
    },
    readdirSync: (path: string) => {
      const { step, files, faults } = caller();
      const before = step(() => files.names(path));
      // A name that is added, removed or changed between these two steps may be missing.
      const after = step(() => unionOf(before, files.names(path), () => faults.nextReading()));
      return Array.from(after, ([name, { kind }]) => ({ name, isFile: () => kind === 'file' }));
    },
    readSync: (descriptor: number, buffer: Buffer, start: number, length: number, position: number) => {
      const process = caller();
      const text = process.step(() => fileOf(process, descriptor).data.slice(position, position + length));
      return buffer.write(text, start, 'latin1');
    },
  };
}

function open({ step, openFiles, files, faults }: Caller, path: string, isCreated: boolean): number {
  return step(() => {
    const file = files.open(path, isCreated, () => {
      failIfDue(faults);
    });
    const descriptor = Math.max(2, ...openFiles.keys()) + 1;
    openFiles.set(descriptor, file);
    return descriptor;
  });
}

function close({ step, openFiles }: Caller, descriptor: number): void {
  step(() => openFiles.delete(descriptor));
}

function writers(caller: () => Caller): Module {
  return {
    openSync: (path: string, flags: number) => open(caller(), path, (flags & constants.O_CREAT) !== 0),
    closeSync: (descriptor: number) => {
      close(caller(), descriptor);
    },
    writeSync: (descriptor: number, text: string): number => {
      const process = caller();
      const { step, files, faults } = process;
      const written = step(() =>
        files.append(fileOf(process, descriptor), text, process, () => faults.nextWrite()),
      );
      if (written !== undefined) return written;
      step(() => {
        files.finishAppend(fileOf(process, descriptor));
      });
      return text.length;
    },
    // As Node.js does it: with three system calls.
    truncateSync: (path: string) => {
      const process = caller();
      const descriptor = open(process, path, false);
      try {
        process.step(() => {
          process.files.truncate(fileOf(process, descriptor));
        });
      } finally {
        close(process, descriptor);
      }
    },
  };
}

function changes(caller: () => Caller): Module {
  const change =
    <T extends unknown[]>(mayFail: boolean, make: (files: SimulatedFileSystem, ...paths: T) => void) =>
    (...paths: T): void => {
      const { step, files, faults } = caller();
      step(() => {
        if (mayFail) failIfDue(faults);
        make(files, ...paths);
      });
    };
  return {
    mkdirSync: change(true, (files, path: string) => {
      files.makeDirectory(path);
    }),
    symlinkSync: change(true, (files, target: string, path: string) => {
      files.makeLink(target, path);
    }),
    renameSync: change(true, (files, from: string, to: string) => {
      files.rename(from, to);
    }),
    unlinkSync: change(false, (files, path: string) => {
      files.remove(path);
    }),
    rmSync: change(false, (files, path: string) => {
      if (files.find(path) !== undefined) files.remove(path);
    }),
  };
}

function failIfDue(faults: FaultSequence): void {
  if (faults.isNextFailing()) throw systemError('ENOSPC');
}

type Entries = ReadonlyMap<string, Entry>;

interface StatOptions {
  readonly bigint?: boolean;
  readonly throwIfNoEntry?: boolean;
}

function statsOf(entry: Entry, { bigint }: StatOptions): unknown {
  const { kind, inode } = entry;
  const size = kind === 'file' ? entry.data.length : 0;
  return {
    dev: bigint === true ? 1n : 1,
    ino: bigint === true ? BigInt(inode) : inode,
    size: bigint === true ? BigInt(size) : size,
    uid: UID,
    mode: 0o600,
    isFile: () => kind === 'file',
    isDirectory: () => kind === 'directory',
    isSymbolicLink: () => kind === 'link',
  };
}

/** Returns the entries that were there all the time, and some of the others: a bit for each, in the order of the names. */
function unionOf(before: Entries, after: Entries, nextReading: () => number): Entries {
  if (before === after) return after;
  const bits = nextReading();
  const found = new Map<string, Entry>();
  let changes = 0;
  for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const entry = after.get(name) ?? before.get(name);
    const isChanged = after.get(name) !== before.get(name);
    if (isChanged) changes += 1;
    if (entry !== undefined && (!isChanged || ((bits >> (changes - 1)) & 1) === 1)) found.set(name, entry);
  }
  return found;
}
