import type { WriteFault } from './faults.js';

/** A file of the simulated file system. */
export interface SimulatedFile {
  readonly kind: 'file';
  readonly inode: number;
  /** A character for each byte. */
  data: string;
  /** The process that holds the inode lock because its write is in progress. */
  writer: object | undefined;
  /** The rest of that write. */
  pending: string;
}

/** A directory of the simulated file system. */
export interface SimulatedDirectory {
  readonly kind: 'directory';
  readonly inode: number;
  /** Replaced by each change. */
  entries: ReadonlyMap<string, Entry>;
}

/** A symbolic link of the simulated file system. Nothing follows it. */
export interface SimulatedLink {
  readonly kind: 'link';
  readonly inode: number;
  readonly target: string;
}

export type Entry = SimulatedFile | SimulatedDirectory | SimulatedLink;

/** Thrown if a system call has to wait for the inode lock. It has no effect, and is made again later. */
export const BLOCKED: Error = new Error('blocked');

/** Returns an error as Node.js throws it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}

/** A file system in memory. Each method is one atomic step. */
export class SimulatedFileSystem {
  readonly #top: SimulatedDirectory = { kind: 'directory', inode: 1, entries: new Map() };
  readonly #openFiles: () => Iterable<SimulatedFile>;

  /** @param openFiles returns the files that are open: their inode numbers aren't reused */
  constructor(openFiles: () => Iterable<SimulatedFile>) {
    this.#openFiles = openFiles;
  }

  /** Returns what a path leads to. */
  find(path: string): Entry | undefined {
    let entry: Entry | undefined = this.#top;
    for (const name of namesIn(path)) {
      if (entry === undefined) return undefined;
      if (entry.kind !== 'directory') throw systemError('ENOTDIR');
      entry = entry.entries.get(name);
    }
    return entry;
  }

  makeDirectory(path: string): void {
    this.#add(path, { kind: 'directory', inode: this.#unusedInode(), entries: new Map() });
  }

  makeLink(target: string, path: string): void {
    this.#add(path, { kind: 'link', inode: this.#unusedInode(), target });
  }

  /** Opens a file, and creates it if it is missing. */
  open(path: string, isCreated: boolean, fail: () => void): SimulatedFile {
    const found = this.find(path);
    if (found?.kind === 'file') return found;
    if (found !== undefined) throw systemError(found.kind === 'link' ? 'ELOOP' : 'EISDIR');
    if (!isCreated) throw systemError('ENOENT');
    const file: SimulatedFile = {
      kind: 'file',
      inode: this.#unusedInode(),
      data: '',
      writer: undefined,
      pending: '',
    };
    fail();
    this.#add(path, file);
    return file;
  }

  /** Returns the entries of a directory at this instant. */
  names(path: string): ReadonlyMap<string, Entry> {
    const directory = this.find(path);
    if (directory === undefined) throw systemError('ENOENT');
    if (directory.kind !== 'directory') throw systemError('ENOTDIR');
    return directory.entries;
  }

  readLink(path: string): string {
    const link = this.find(path);
    if (link === undefined) throw systemError('ENOENT');
    if (link.kind !== 'link') throw systemError('EINVAL');
    return link.target;
  }

  rename(from: string, to: string): void {
    const entry = from === '' ? undefined : this.find(from);
    if (entry === undefined) throw systemError('ENOENT');
    this.#set(from, undefined);
    this.#set(to, entry);
  }

  /** Removes a file, a link, or a directory with its entries. */
  remove(path: string): void {
    if (this.find(path) === undefined) throw systemError('ENOENT');
    this.#set(path, undefined);
  }

  truncate(file: SimulatedFile): void {
    if (file.writer !== undefined) throw BLOCKED;
    file.data = '';
  }

  /**
   * Appends to a file. Returns how many bytes were written, or `undefined` if only some are visible so far: then the inode lock is
   * held, which keeps other writers out, but no readers.
   */
  append(file: SimulatedFile, text: string, writer: object, takeFault: () => WriteFault): number | undefined {
    if (file.writer !== undefined) throw BLOCKED;
    const { kind, bytes } = takeFault();
    const length = kind === 'none' ? text.length : bytes % text.length;
    if (kind === 'short' && length === 0) throw systemError('ENOSPC');
    file.data += text.slice(0, length);
    if (kind !== 'visible') return length;
    file.writer = writer;
    file.pending = text.slice(length);
    return undefined;
  }

  /** Writes the rest, and unlocks the inode. */
  finishAppend(file: SimulatedFile): void {
    file.data += file.pending;
    file.writer = undefined;
  }

  #add(path: string, entry: Entry): void {
    if (this.find(path) !== undefined) throw systemError('EEXIST');
    this.#set(path, entry);
  }

  #set(path: string, entry: Entry | undefined): void {
    const end = path.lastIndexOf('/');
    const parent = this.find(path.slice(0, end));
    if (parent === undefined) throw systemError('ENOENT');
    if (parent.kind !== 'directory') throw systemError('ENOTDIR');
    const entries = new Map(parent.entries);
    if (entry === undefined) entries.delete(path.slice(end + 1));
    else entries.set(path.slice(end + 1), entry);
    parent.entries = entries;
  }

  /** Returns the lowest number that is free, as many file systems do: so a new file can have the number of a removed one. */
  #unusedInode(): number {
    const used = new Set<number>();
    const visit = (entry: Entry): void => {
      used.add(entry.inode);
      if (entry.kind === 'directory') entry.entries.forEach(visit);
    };
    visit(this.#top);
    for (const { inode } of this.#openFiles()) used.add(inode);
    let inode = 1;
    while (used.has(inode)) inode += 1;
    return inode;
  }
}

const split = new Map<string, string[]>();

/** Returns the names in a path. */
function namesIn(path: string): string[] {
  let names = split.get(path);
  if (names === undefined) split.set(path, (names = path.split('/').slice(1)));
  return names;
}
