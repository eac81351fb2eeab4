import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppendedFile } from '../../../log/sinks/appended-file.js';
import { resolvePath } from '../../../system/trusted-path.js';
import { trustedWith } from '../configuration/trusted-users.js';
import { findings, type Finding } from '../finding.js';
import type { Account } from '../machine/accounts.js';
import { rerunAs } from '../rerun.js';
import type { NamedFiles, Situation } from '../situation.js';

const { ok, note, warning, problem } = findings('log');

/** Checks whether the log file can be written, by appending zero bytes. */
export function checkLog({ configuration, started, named }: Situation): Finding[] {
  const target = configuration?.log.target;
  if (target?.kind !== 'file') return [];
  const { path } = target;
  const { exposure } = resolvePath(path, { isGroupAccepted: true });
  const account = started?.account;
  if (account !== undefined && process.getuid?.() !== account.uid) {
    const users = new Set([...trustedWith(dirname(path)), account.uid]);
    if (resolvePath(path, { users, isGroupAccepted: true }).exposure === undefined)
      return [notTested(path, account, named)];
  }
  if (exposure === undefined) return [tryLog(path)];
  const { message, fix } = exposure;
  if (isUsableByOwner(path)) {
    const reason = `${message}, and an xtokend that runs as root would not write there`;
    const rerun = 'run xtokend, and this check, as that user';
    return [warning('log-other-owner', `the log ${path} was not tested: ${reason}`, rerun)];
  }
  const reason = `${message}, and so could replace it with a link to another file`;
  return [problem('log-exposed', `the log ${path} is not written: ${reason}`, fix)];
}

/** A test as another user than Prosody's would not show whether the daemon that Prosody starts can write the log. */
function notTested(path: string, { name }: Account, named: NamedFiles): Finding {
  const message = `the log ${path} was not tested: Prosody starts xtokend as user ${name}`;
  return note('log-other-owner', message, `run: ${rerunAs(name, named)}`);
}

/** Returns whether a daemon of the user who owns the directory would write the log. */
function isUsableByOwner(path: string): boolean {
  const users = trustedWith(dirname(path));
  return resolvePath(path, { users, isGroupAccepted: true }).exposure === undefined;
}

function tryLog(path: string): Finding {
  const existed = existsSync(path);
  try {
    const file = new AppendedFile(path);
    file.write(Buffer.alloc(0));
    file.close();
    // A daemon of another user could not write a file of this user.
    if (!existed) rmSync(path, { force: true });
    return ok('log-ok', `the log can be written to ${path}`);
  } catch (error) {
    const fix = 'make the file writable for this user, or its directory if there is no such file yet';
    return warning('log-unwritable', `the log cannot be written: ${String(error)}`, fix);
  }
}
