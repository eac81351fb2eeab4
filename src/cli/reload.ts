import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, XtokendError } from '../errors.js';
import {
  monotonicTime,
  readReloadResult,
  runtimeDirectory,
  type ReloadResult,
} from '../daemon/reload-result.js';
import { UsageError } from './shared/usage-error.js';

/** A reload that did not succeed: `code` is `'reload-failed'`. */
class ReloadError extends XtokendError {
  constructor(reason: string) {
    super('reload-failed', reason);
  }
}

const TIMEOUT_MILLISECONDS = 60_000;
const POLL_MILLISECONDS = 20;

/**
 * `xtokend reload`: asks the daemon of a systemd unit to reload and waits for the result, so that `systemctl reload` fails if
 * the configuration is not applied. It does not use Type=notify-reload, which systemd 252 doesn't have.
 *
 * @param env `MAINPID` and `RUNTIME_DIRECTORY`, as systemd sets them for ExecReload= (systemd.exec(5))
 * @throws {@link ReloadError} if the daemon keeps its previous configuration, has ended, or gives no result
 */
export async function reload(env: NodeJS.ProcessEnv): Promise<void> {
  const pid = Number(env['MAINPID']);
  const directory = runtimeDirectory(env);
  if (!(pid > 1) || directory === undefined) {
    throw new UsageError(
      '"xtokend reload" is for ExecReload= of a unit with RuntimeDirectory=: expected $MAINPID and $RUNTIME_DIRECTORY. ' +
        'Run "systemctl reload xtokend", or send SIGHUP to the daemon and read its log',
    );
  }
  const askedAt = monotonicTime();
  signal(pid, 'SIGHUP');
  const { fault } = await waitForResult(pid, directory, askedAt);
  if (fault !== undefined) {
    throw new ReloadError(`configuration reload failed, keeping the previous one: ${fault}`);
  }
}

async function waitForResult(pid: number, directory: string, askedAt: number): Promise<ReloadResult> {
  while (monotonicTime() < askedAt + TIMEOUT_MILLISECONDS) {
    await sleep(POLL_MILLISECONDS);
    const result = readReloadResult(directory);
    // A reload that had already started may have read the previous file.
    if (result !== undefined && result.startedAt > askedAt) return result;
    signal(pid, 0);
  }
  throw new ReloadError(
    `the daemon (pid ${pid}) gave no result of its reload within ${TIMEOUT_MILLISECONDS / 1000} s. ` +
      'Read its log, and restart it: systemctl restart xtokend',
  );
}

function signal(pid: number, name: NodeJS.Signals | 0): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    throw new ReloadError(
      codeOf(error) === 'ESRCH'
        ? `the daemon (pid ${pid}) is not running. Read its log`
        : `uid ${String(process.geteuid?.())} may not send a signal to pid ${pid}; expected the user of the daemon or root`,
    );
  }
}
