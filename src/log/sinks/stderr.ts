import { closeSync, fstatSync, readdirSync, readlinkSync, type BigIntStats } from 'node:fs';
import { isatty } from 'node:tty';
import { resolvePath } from '../../system/trusted-path.js';
import { AppendedFile, openForAppending } from './appended-file.js';
import { BackgroundWriter } from './background-writer.js';
import { writeUnlessBlocked, writeUnlessFull } from './partial-write.js';
import type { LogSink } from './sink.js';

const STDERR = 2;
const PATH = '/dev/stderr';

type Writer = Pick<LogSink, 'write' | 'close'>;

/**
 * Opens stderr for writing without waiting for its reader. The server that started this process may write to the same open file,
 * whose offset and O_NONBLOCK are shared (open(2)).
 *
 * @param env the environment: `JOURNAL_STREAM`, the device and inode of the journal, and `SYSTEMD_EXEC_PID` (systemd.exec(5))
 */
export function openStderr(env: NodeJS.ProcessEnv): LogSink {
  const stats = statStderr();
  const isJournal = stats !== undefined && `${stats.dev}:${stats.ino}` === env['JOURNAL_STREAM'];
  const writer = chooseWriter(stats, env);
  return {
    name: 'stderr',
    prefix: isJournal ? 'level' : 'time',
    write: (bytes) => writer.write(bytes),
    close: (flush) => writer.close(flush),
  };
}

/** Returns whether a path, such as /dev/stderr, leads to stderr. */
export function isStderrPath(path: string): boolean {
  try {
    return resolvePath(path).path === `/proc/${process.pid}/fd/${STDERR}`;
  } catch {
    // Opening the path reports the error.
    return false;
  }
}

function statStderr(): BigIntStats | undefined {
  try {
    return fstatSync(STDERR, { bigint: true });
  } catch {
    // It is closed.
    return undefined;
  }
}

function chooseWriter(stats: BigIntStats | undefined, env: NodeJS.ProcessEnv): Writer {
  if (stats?.isSocket() === true) return isShared(env) ? sharedWriter() : socketWriter;
  if (stats?.isFIFO() !== true && !isatty(STDERR)) return fileWriter;
  // Opened again, a pipe or a terminal has an O_NONBLOCK of its own.
  return canReopen() ? new AppendedFile(PATH, openForAppending) : sharedWriter();
}

/**
 * For a file, /dev/null and the like, which don't block. Not opened again: with an offset of its own, this process would overwrite
 * the lines of the server.
 */
const fileWriter: Writer = {
  write: (bytes) => writeUnlessBlocked(STDERR, bytes),
  close: flushOnly,
};

/** For a socket of this process alone, such as the journal's under systemd. A socket can't be opened again. */
const socketWriter: Writer = {
  write: (bytes) => {
    // A second stream on the same descriptor would sometimes keep Node.js from closing any socket.
    const { stderr } = process;
    // If nobody reads any more, there is nowhere to report it.
    if (!stderr.listeners('error').includes(ignore)) stderr.on('error', ignore);
    return writeUnlessFull(stderr, bytes);
  },
  close: flushOnly,
};

let backgroundWriter: BackgroundWriter | undefined;

/** For a socket that others write to, and for another user's pipe or terminal, which can't be opened again. */
function sharedWriter(): Writer {
  return (backgroundWriter ??= new BackgroundWriter(STDERR));
}

function flushOnly(flush: () => void): undefined {
  flush();
}

function ignore(): void {
  // Nothing to do.
}

/** Returns whether the parent process has the same open socket, or may have it. */
function isShared(env: NodeJS.ProcessEnv): boolean {
  // systemd opens a socket for this service alone (systemd.exec(5)).
  if (env['SYSTEMD_EXEC_PID'] === String(process.pid)) return false;
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
    // The descriptor was closed meanwhile.
    return false;
  }
}

function canReopen(): boolean {
  try {
    closeSync(openForAppending(PATH));
    return true;
  } catch {
    return false;
  }
}
