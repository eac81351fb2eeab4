import { existsSync, rmSync } from 'node:fs';
import { AppendedFile } from '../../operations/appended-file.js';
import type { Finding } from './finding.js';
import type { Situation } from './situation.js';

/** Tries to write nothing to the log, where that is a file. */
export function checkLog({ configuration }: Situation): Finding[] {
  const target = configuration?.log.target;
  if (target?.kind !== 'file') return [];
  const { path } = target;
  const wasThere = existsSync(path);
  try {
    const file = new AppendedFile(path);
    file.write(Buffer.alloc(0));
    file.close();
    // What belongs to another user than the daemon's would be in its way.
    if (!wasThere) rmSync(path, { force: true });
    return [{ level: 'ok', code: 'log-good', subject: 'log', message: `the log can be written to ${path}` }];
  } catch (error) {
    return [
      {
        level: 'warning',
        code: 'log-unwritable',
        subject: 'log',
        message: `the log cannot be written: ${String(error)}`,
        cure: 'make it writable for this user, or the folder, where the file is still to be made',
      },
    ];
  }
}
