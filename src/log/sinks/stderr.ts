import { closeSync, fstatSync, readdirSync, readlinkSync, type BigIntStats } from 'node:fs';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { resolvePath } from '../../system/trusted-path.js';
import { AppendedFile, writeUnlessBlocked } from './appended-file.js';
import { BackgroundWriter } from './background-writer.js';
import { openForAppending } from './open-log-file.js';
import type { LogSink } from './sink.js';
import { writeUnlessFull } from './stream-write.js';

const STDERR = 2;
const PATH = '/dev/stderr';

type Way = Pick<LogSink, 'write' | 'close'>;

/**
 * Opens stderr for writing without waiting for whoever reads it. The server that started this process may write there as well,
 * by the same open file: its offset and O_NONBLOCK are shared (open(2)).
 *
 * @param journalStream which device and inode the journal is behind, as systemd.exec(5) gives it in `$JOURNAL_STREAM`
 */
export function openStderr(journalStream: string | undefined = process.env['JOURNAL_STREAM']): LogSink {
  const stats = look();
  const isJournal = stats !== undefined && `${stats.dev}:${stats.ino}` === journalStream;
  return { name: 'stderr', heading: isJournal ? 'level' : 'time', ...wayTo(stats) };
}

/** Whether a path leads to stderr, such as /dev/stderr. */
export function isStderrPath(path: string): boolean {
  try {
    return resolvePath(path).path === `/proc/${process.pid}/fd/${STDERR}`;
  } catch {
    // The opening says what is wrong with it.
    return false;
  }
}

function look(): BigIntStats | undefined {
  try {
    return fstatSync(STDERR, { bigint: true });
  } catch {
    // Closed.
    return undefined;
  }
}

function wayTo(stats: BigIntStats | undefined): Way {
  if (stats?.isSocket() === true) return isShared() ? background() : stream;
  if (stats?.isFIFO() !== true && !isatty(STDERR)) return direct;
  return canOpenAnew() ? anew() : background();
}

/**
 * For a file, /dev/null and the like, which don't block. Not opened anew: with an offset of its own, this process and the server
 * would write over each other's lines.
 */
const direct: Way = {
  write: (bytes) => writeUnlessBlocked(STDERR, bytes),
  close: flushOnly,
};

/** For a pipe or a terminal: opened anew, O_NONBLOCK is this process's alone. */
function anew(): Way {
  const file = new AppendedFile(PATH, openForAppending);
  return {
    write: (bytes) => file.write(bytes),
    close: (flush) => {
      flush();
      file.close();
      return undefined;
    },
  };
}

/** For a socket of this process alone, such as the journal's under systemd; a socket can't be opened anew. */
const stream: Way = {
  // Node's own: a second one on the same descriptor would keep it, now and then, from closing any socket.
  write: (bytes) => writeUnlessFull(silenced(process.stderr), bytes),
  close: flushOnly,
};

let writer: BackgroundWriter | undefined;

/** For what others write to as well, or what is another user's and can't be opened anew. */
function background(): Way {
  const own = (writer ??= new BackgroundWriter(STDERR));
  return {
    write: (bytes) => own.write(bytes),
    close: async (flush) => {
      flush();
      await own.close();
      // What was not taken while earlier lines were being written.
      flush();
      await own.close();
    },
  };
}

function flushOnly(flush: () => void): undefined {
  flush();
}

/** Whether the process that started this one has the same open socket, or may have. */
function isShared(): boolean {
  // systemd has opened a socket for this service alone (systemd.exec(5)).
  if (process.env['SYSTEMD_EXEC_PID'] === String(process.pid)) return false;
  try {
    const own = readlinkSync(`/proc/self/fd/${STDERR}`);
    const directory = `/proc/${process.ppid}/fd`;
    return readdirSync(directory).some((descriptor) => leadsTo(`${directory}/${descriptor}`, own));
  } catch {
    return true;
  }
}

function leadsTo(link: string, target: string): boolean {
  try {
    return readlinkSync(link) === target;
  } catch {
    // Closed meanwhile.
    return false;
  }
}

/** Not the pipe or the terminal of another user. */
function canOpenAnew(): boolean {
  try {
    closeSync(openForAppending(PATH));
    return true;
  } catch {
    return false;
  }
}

const ignore = (): void => undefined;

/** Where nobody reads any more, there is nobody to tell. */
function silenced(stream: Writable): Writable {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  return stream;
}
