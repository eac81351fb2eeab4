import { closeSync, constants, fstatSync, openSync, writeSync, type BigIntStats } from 'node:fs';
import type { Writable } from 'node:stream';
import { AppendedFile } from './appended-file.js';
import { openForAppending } from './open-log-file.js';
import type { Outlet } from './outlet.js';
import { writeUnlessFull } from './stream-write.js';

const STDERR = 2;
const PATH = '/dev/stderr';

/**
 * Opens stderr for writing without waiting for whoever reads it, where that can be had.
 *
 * @param journalStream which device and inode the journal is behind, as systemd.exec(5) gives it in `$JOURNAL_STREAM`
 */
export function openStderr(journalStream: string | undefined = process.env['JOURNAL_STREAM']): Outlet {
  const stats = look();
  const isJournal = stats !== undefined && `${stats.dev}:${stats.ino}` === journalStream;
  // Whoever has started us has chosen where it leads.
  const file = new AppendedFile(PATH, openForAppending);
  const write =
    stats?.isSocket() === true || (stats?.isFIFO() === true && !canOpenAnew())
      ? writeToStream
      : (bytes: Buffer) => appendTo(file, bytes);
  return {
    name: 'stderr',
    heading: isJournal ? 'level' : 'time',
    write,
    close: (flush) => {
      flush();
      file.close();
      return undefined;
    },
  };
}

function look(): BigIntStats | undefined {
  try {
    return fstatSync(STDERR, { bigint: true });
  } catch {
    // Closed.
    return undefined;
  }
}

/** Not the pipe of another user. */
function canOpenAnew(): boolean {
  try {
    closeSync(openSync(PATH, constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}

/** A socket, such as the journal's. */
function writeToStream(bytes: Buffer): number {
  // Node's own: a second one on the same descriptor would keep it, now and then, from closing any socket.
  return writeUnlessFull(silenced(process.stderr), bytes);
}

const ignore = (): void => undefined;

/** Where nobody reads any more, there is nobody to tell. */
function silenced(stream: Writable): Writable {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  return stream;
}

function appendTo(file: AppendedFile, bytes: Buffer): number {
  try {
    // Opened anew it does not wait; the descriptor that we were given does, and is shared with others.
    return file.write(bytes);
  } catch {
    // A person's terminal, or a file of another user that cannot be opened anew.
    return writeSync(STDERR, bytes);
  }
}
