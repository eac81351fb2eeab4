import type { LogTarget } from '../../config/log.js';
import { AppendedFile } from './appended-file.js';
import type { Heading } from '../line-format.js';
import { LogProgram } from './program.js';
import { isStderrPath, openStderr } from './stderr.js';

/** Where the bytes of a log go. */
export interface LogSink {
  /** For messages. */
  readonly name: string;
  readonly heading: Heading;
  /**
   * Takes what it can take now, without waiting.
   *
   * @returns how many bytes that was
   * @throws where it can take nothing, and why
   */
  write(bytes: Buffer): number;
  /**
   * Lets go, after `flush` has written what is left.
   *
   * @returns when all is written, or nobody seems to take it
   */
  close(flush: () => void): Promise<void> | undefined;
}

/** The longest line that logger(1) passes on whole; by itself it cuts after 1,024 bytes. */
const MAX_LINE_BYTES = 8192;

/** Opens what is behind a target. Never throws: what is wrong with it is said when it is written to. */
export function openSink(target: LogTarget): LogSink {
  switch (target.kind) {
    case 'file':
      // /dev/stderr opened as a file would have an offset of its own.
      return isStderrPath(target.path) ? openStderr() : openFile(target.path);
    case 'stderr':
      return openStderr();
    case 'journal':
      return new LogProgram({
        name: 'the journal',
        heading: 'level',
        command: ['systemd-cat', '--identifier=xtokend', '--level-prefix=true'],
      });
    case 'syslog':
      return new LogProgram({
        name: 'syslog',
        heading: 'facility',
        command: [
          'logger',
          ...['-t', 'xtokend', `--id=${process.pid}`, '--prio-prefix'],
          // Otherwise it says nothing where there is no syslog, and the lines are lost.
          ...['--socket-errors=on', `--size=${MAX_LINE_BYTES}`],
        ],
      });
  }
}

function openFile(path: string): LogSink {
  const file = new AppendedFile(path);
  return {
    name: path,
    heading: 'time',
    write: (bytes) => file.write(bytes),
    close: (flush) => {
      flush();
      file.close();
      return undefined;
    },
  };
}
