import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Exposure } from '../../../system/exposure.js';
import { AppendedFile } from '../../../log/sinks/appended-file.js';
import { resolvePath } from '../../../system/trusted-path.js';
import type { Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import { trustedWith } from '../configuration/trusted-users.js';

/** Tries to write nothing to the log, where that is a file. */
export function checkLog({ configuration }: Situation): Finding[] {
  const target = configuration?.log.target;
  if (target?.kind !== 'file') return [];
  const { path } = target;
  const { exposure } = resolvePath(path, { isGroupAccepted: true });
  if (exposure !== undefined)
    return [isOfService(path) ? ofAnother(path, exposure) : exposed(path, exposure)];
  return [tryLog(path)];
}

/** Whether it is fit for a daemon of the user whose directory it is in. */
function isOfService(path: string): boolean {
  const users = trustedWith(dirname(path));
  return resolvePath(path, { users, isGroupAccepted: true }).exposure === undefined;
}

function tryLog(path: string): Finding {
  const wasThere = existsSync(path);
  try {
    const file = new AppendedFile(path);
    file.write(Buffer.alloc(0));
    file.close();
    // What belongs to another user than the daemon's would be in its way.
    if (!wasThere) rmSync(path, { force: true });
    return { level: 'ok', code: 'log-ok', subject: 'log', message: `the log can be written to ${path}` };
  } catch (error) {
    return {
      level: 'warning',
      code: 'log-unwritable',
      subject: 'log',
      message: `log write failed: ${String(error)}`,
      fix: 'make it writable for this user, or the directory, where the file is still to be made',
    };
  }
}

function exposed(path: string, { message, fix }: Exposure): Finding {
  return {
    level: 'problem',
    code: 'log-exposed',
    subject: 'log',
    message: `the log ${path} is not written: ${message}, and so can have any file written to`,
    fix: fix,
  };
}

function ofAnother(path: string, { message }: Exposure): Finding {
  return {
    level: 'warning',
    code: 'log-other-owner',
    subject: 'log',
    message: `the log ${path} was not tried: ${message}, and an xtokend that runs as root would not write there`,
    fix: 'run xtokend, and this check, as that user',
  };
}
