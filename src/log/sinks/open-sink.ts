import type { LogTarget } from '../../config/log.js';
import { AppendedFile } from './appended-file.js';
import { LogProgram } from './program.js';
import type { LogSink } from './sink.js';
import { isStderrPath, openStderr } from './stderr.js';

/** The longest line that logger(1) passes on whole; its default is 1,024 bytes. */
const MAX_LINE_BYTES = 8192;

/** Opens the sink of a target. Never throws: writing to the sink does. @param env see {@link openStderr} */
export function openSink(target: LogTarget, env: NodeJS.ProcessEnv): LogSink {
  switch (target.kind) {
    case 'file':
      // /dev/stderr opened as a file would have an offset of its own.
      return isStderrPath(target.path) ? openStderr(env) : new AppendedFile(target.path);
    case 'stderr':
      return openStderr(env);
    case 'journal':
      return new LogProgram({
        name: 'the journal',
        prefix: 'level',
        command: ['systemd-cat', '--identifier=xtokend', '--level-prefix=true'],
      });
    case 'syslog':
      return new LogProgram({
        name: 'syslog',
        prefix: 'facility',
        command: [
          'logger',
          ...['-t', 'xtokend', `--id=${process.pid}`, '--prio-prefix'],
          // Otherwise logger(1) drops lines silently if there is no syslog.
          ...['--socket-errors=on', `--size=${MAX_LINE_BYTES}`],
        ],
      });
  }
}
