import { join, relative } from 'node:path';
import type { Configuration } from '../../config/configuration.js';
import { loadConfiguration } from '../../config/load.js';
import { locateConfiguration } from '../../config/locate.js';
import { openNotify, type Notify } from '../../daemon/notify.js';
import {
  monotonicTime,
  runtimeDirectory,
  writeReloadResult,
  type ReloadResult,
} from '../../daemon/reload-result.js';
import { Daemon, type DaemonOptions } from '../../daemon/daemon.js';
import { watchFiles } from '../../daemon/watch-files.js';
import { messageOf } from '../../errors.js';
import type { Log } from '../../log/log.js';
import { withoutSecrets } from '../../system/known-secrets.js';
import { protocols, type ProtocolOption } from '../../protocol/detection.js';
import { RequestBudget } from '../../server/request-budget.js';
import { serveStream } from '../../server/serve-stream.js';
import { serveSockets, type Listener } from '../../server/sockets.js';
import { SUPERVISOR_VARIABLE, parseSupervisorHandover } from '../../server/terminal/supervisor-handover.js';
import { packageDirectory } from '../shared/package-directory.js';
import { UsageError } from '../shared/usage-error.js';
import { parseListenOption, takeInheritedListeners } from './listeners.js';
import { followParent, ignoreSystemd, inheritedLog, reportState } from './parent.js';
import { handleSignals, stopSignal } from './signals.js';
import { serveSupervisedTerminal } from './terminal.js';

/** The options of `xtokend serve`. */
export interface ServeOptions {
  readonly config?: string;
  readonly protocol: ProtocolOption;
  /** Addresses of sockets, as `--listen` takes them; if there are none, stdin and stdout. */
  readonly listen?: readonly string[];
  /** Whether the process that started this one controls it by stdin, and reads its state from stdout. */
  readonly untilStdinEnds?: boolean;
}

/** `xtokend serve`: answers requests on stdin and stdout until end of input, or on sockets until SIGTERM. */
export async function serve(options: ServeOptions, version: string): Promise<void> {
  const { protocol, listen = [], untilStdinEnds = false } = options;
  if (untilStdinEnds && listen.length === 0) {
    throw new UsageError(
      '--until-stdin-ends: expected --listen as well. Without --listen, xtokend always ends when stdin does',
    );
  }
  if (untilStdinEnds) ignoreSystemd(process.env);
  const listeners = [
    ...takeInheritedListeners(process.env, process.pid, protocol),
    ...listen.map((address) => parseListenOption(address, protocol)),
  ];
  const run =
    listeners.length === 0 ? serveStandardInput : untilStdinEnds ? serveUntilStdinEnds : serveListeners;
  const daemon = await run(options, version, listeners);
  await daemon.close();
  // Exit explicitly: an unread pipe would keep the event loop alive.
  process.exit();
}

async function serveStandardInput({ config, protocol }: ServeOptions, version: string): Promise<Daemon> {
  const handover = parseSupervisorHandover(process.env[SUPERVISOR_VARIABLE] ?? '');
  if (handover === undefined && process.stdin.isTTY) await welcome(protocol, config, version);
  const stop = stopSignal();
  const standardLog = handover === undefined ? 'stderr' : 'syslog';
  const daemon = createDaemon(config, version, { standardLog });
  handleSignals(daemon, async () => {
    await daemon.reload();
  });
  // The server that spawned this process can't send SIGHUP, so poll the files instead.
  const { file } = locateConfiguration(config, process.env);
  watchFiles(
    () => [file, ...daemon.files],
    () => void daemon.reload(),
  );
  await daemon.start();
  if (handover === undefined) {
    const { decide, onCompleted } = daemon;
    const { stdin: input, stdout: output } = process;
    // A person types whole lines; a mistyped first one must not look like another protocol.
    const detected = input.isTTY && protocol === 'auto' ? 'generic' : protocol;
    const stream = { input, output, listener: 'stdin', protocol: protocols[detected] };
    await serveStream({ ...stream, decide, onCompleted, budget: new RequestBudget(), stop });
  } else {
    await serveSupervisedTerminal(handover, daemon, stop);
  }
  return daemon;
}

async function serveListeners(
  { config }: ServeOptions,
  version: string,
  listeners: readonly Listener[],
): Promise<Daemon> {
  const stop = stopSignal();
  const daemon = createDaemon(config, version, { standardLog: 'stderr' });
  const { log } = daemon;
  const notify = takeNotify(log);
  const status = `Answering on ${listeners.length === 1 ? 'a socket' : `${listeners.length} sockets`}`;
  let isReady = false;
  handleSignals(daemon, async () => {
    // During the start systemd would take the end of a reload for the end of the start.
    const startedAt = monotonicTime();
    if (isReady) notify.reloading();
    publish({ startedAt, fault: await daemon.reload() }, log);
    if (isReady) notify.ready(status);
  });
  // Fails at once if the configuration is invalid: unlike a chat server, an administrator reads the error.
  await loadConfiguration(config, process.env);
  await daemon.start();
  stop.addEventListener('abort', notify.stopping);
  await answer(daemon, listeners, stop, () => {
    isReady = true;
    notify.ready(status);
  });
  // systemd would otherwise have to kill the process that still sends a message.
  await notify.flushed();
  return daemon;
}

/** Serves until the process that started this one ends. It can't fix a configuration, so an invalid one is no reason to exit. */
async function serveUntilStdinEnds(
  { config }: ServeOptions,
  version: string,
  listeners: readonly Listener[],
): Promise<Daemon> {
  const signalled = stopSignal();
  const onFault = (message: string): void => {
    reportState('error', message);
  };
  const daemon = createDaemon(config, version, { standardLog: inheritedLog(), onFault });
  const requestReload = handleSignals(daemon, async () => {
    await daemon.reload();
  });
  const stop = AbortSignal.any([signalled, followParent(process.stdin, process.env, requestReload)]);
  await daemon.start();
  try {
    await answer(daemon, listeners, stop, () => {
      reportState('ready');
    });
  } finally {
    // After an error, it would keep the process alive.
    process.stdin.destroy();
  }
  return daemon;
}

async function answer(
  { decide, onCompleted, log }: Daemon,
  listeners: readonly Listener[],
  stop: AbortSignal,
  onReady: () => void,
): Promise<void> {
  await serveSockets({
    listeners,
    decide,
    onCompleted,
    stop,
    onReady,
    onListening: (path) => {
      log.write('info', 'listening', { path });
    },
    onWarning: (message, fields) => {
      log.write('warning', message, fields);
    },
  });
}

/** Prints a hint on a terminal, or throws the reason why the configuration is invalid. */
async function welcome(protocol: ProtocolOption, config: string | undefined, version: string): Promise<void> {
  if (protocol !== 'auto' && protocol !== 'generic') {
    throw new UsageError(
      `--protocol ${protocol} is for pipes: its requests can't be typed on a terminal. Use --protocol generic`,
    );
  }
  process.stderr.write(hint(await loadConfiguration(config, process.env), version));
}

/** Returns what `xtokend` prints if it is run on a terminal. */
function hint({ file, hosts }: Configuration, version: string): string {
  const host = hosts.names?.[0] ?? 'example.com';
  const path = relative(process.cwd(), join(packageDirectory(), 'bin', 'xtokend'));
  const program = path.startsWith('..') ? 'xtokend' : path;
  return `xtokend ${version} answers the requests that you type here, configured by ${file} (${hosts.names?.join(', ') ?? 'every host'}).
Mint a token in another window:  ${program} mint --config ${file} alice@${host}
Then type here:                  auth:alice:${host}:TOKEN
1 means accepted, 0 refused. The same token is refused the second time. Ctrl-D ends.
`;
}

function createDaemon(
  config: string | undefined,
  version: string,
  settings: Pick<DaemonOptions, 'standardLog' | 'onFault'>,
): Daemon {
  const load = (): ReturnType<typeof loadConfiguration> => loadConfiguration(config, process.env);
  const daemon = new Daemon({ load, env: process.env, version, ...settings });
  // Node itself would also print the properties of the error, and those of a client library can hold a password.
  process.on('uncaughtException', (error) => {
    daemon.log.write('error', `uncaught exception; exiting: ${error.stack ?? error.message}`);
    process.exit(1);
  });
  // Also after a second SIGTERM.
  process.on('exit', () => void daemon.close());
  return daemon;
}

/** Connects to systemd, if that expects it. Child processes must not send notifications, so this removes the variable. */
function takeNotify(log: Log): Notify {
  const { NOTIFY_SOCKET: socket, PATH: path } = process.env;
  delete process.env['NOTIFY_SOCKET'];
  return openNotify({
    socket,
    path,
    pid: process.pid,
    monotonic: () => process.hrtime.bigint() / 1000n,
    onWarning: (message) => {
      log.write('warning', message);
    },
  });
}

/** Writes the result of a reload for `xtokend reload`, which only systemd runs. */
function publish(result: ReloadResult, log: Log): void {
  const directory = runtimeDirectory(process.env);
  if (directory === undefined) return;
  try {
    writeReloadResult(directory, { ...result, fault: result.fault && withoutSecrets(result.fault) });
  } catch (error) {
    log.write('warning', `cannot write the result of the reload to ${directory}: ${messageOf(error)}`);
  }
}
