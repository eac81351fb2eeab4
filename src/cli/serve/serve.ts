import { fstatSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { loadConfiguration } from '../../config/load.js';
import { locateConfiguration } from '../../config/locate.js';
import { parentOf, uptime } from '../../system/processes.js';
import { messageOf } from '../../errors.js';
import { withoutSecrets } from '../../log/known-secrets.js';
import {
  monotonicTime,
  runtimeDirectory,
  writeReloadResult,
  type ReloadResult,
} from '../../daemon/reload-result.js';
import { Service } from '../../daemon/service.js';
import { watchFiles } from '../../daemon/watch-files.js';
import { framings, type Protocol } from '../../protocol/framings.js';
import { lines } from '../../protocol/lines.js';
import { serveStream } from '../../server/serve-stream.js';
import {
  ANSWER_DESCRIPTOR,
  SUPERVISOR_VARIABLE,
  parseSupervisorHandover,
  type SupervisorHandover,
} from '../../server/terminal/supervisor-handover.js';
import { RequestBudget } from '../../server/request-budget.js';
import { serveSockets, type Listener } from '../../server/sockets.js';
import { watchServer, type ServerWatch, type Visibility } from '../../server/terminal/server-watch.js';
import { serveTerminal } from '../../server/terminal/serve-terminal.js';
import { openTerminalInput } from '../../server/terminal/terminal-input.js';
import { hint } from '../hint.js';
import { takeInheritedListeners } from './inherited-listeners.js';
import { parseListenOption } from './listen-option.js';
import { takeNotify } from './notify.js';
import { handleSignals } from './signals.js';
import { stopSignal } from './stop-signal.js';
import { UsageError } from '../usage-error.js';

/** The options of `xtokend serve`. */
export interface ServeOptions {
  readonly config?: string;
  readonly protocol: Protocol;
  /** Addresses of sockets, as `--listen` takes them; where there are none, stdin and stdout. */
  readonly listen?: readonly string[];
}

/** `xtokend serve`: answers requests on stdin and stdout until end of input, or on sockets until it is told to stop. */
export async function serve(options: ServeOptions, version: string): Promise<void> {
  const listeners = [
    ...takeInheritedListeners(process.env, process.pid, options.protocol),
    ...(options.listen ?? []).map((address) => parseListenOption(address, options.protocol)),
  ];
  const service =
    listeners.length === 0
      ? await serveStandard(options, version)
      : await serveListeners(listeners, options, version);
  await service.close();
  // Answers or log lines that nobody reads would keep the process for ever.
  process.exit();
}

async function serveStandard(options: ServeOptions, version: string): Promise<Service> {
  const handover = parseSupervisorHandover(process.env[SUPERVISOR_VARIABLE] ?? '');
  if (handover === undefined && process.stdin.isTTY) await welcome(options, version);
  const stop = stopSignal();
  const service = createService(options, version, handover === undefined ? 'stderr' : 'syslog');
  handleSignals(service, async () => {
    await service.reload();
  });
  const { decide, answerWithin } = service;
  // Whoever has started us sends no signals.
  const { file } = locateConfiguration(options.config, process.env);
  watchFiles(
    () => [file, ...service.files],
    () => void service.reload(),
  );
  await service.start();
  if (handover === undefined) {
    const framing = framings[options.protocol];
    const observer = service.observe('stdin');
    const { stdin: input, stdout: output } = process;
    const budget = new RequestBudget();
    await serveStream({ input, output, framing, decide, observer, budget, stop });
  } else {
    const observer = service.observe('terminal');
    const watch = watchServer({
      parent: handover.serverPid,
      supervisor: handover.supervisorPid,
      terminal: terminalNumber(),
      parentOf,
    });
    const limit = limits[watch.visibility];
    if (limit !== undefined) service.log.write('warning', limit);
    await serveTerminal({ ...terminalOf(handover, watch), decide, observer, answerWithin, stop });
  }
  return service;
}

async function serveListeners(
  listeners: readonly Listener[],
  options: ServeOptions,
  version: string,
): Promise<Service> {
  const stop = stopSignal();
  const service = createService(options, version, 'stderr');
  const notify = takeNotify(service.log);
  const status = `Answering on ${listeners.length === 1 ? 'a socket' : `${listeners.length} sockets`}`;
  let isReady = false;
  handleSignals(service, async () => {
    // While it starts systemd would take the end of a reload for that of the start.
    const startedAt = monotonicTime();
    if (isReady) notify.reloading();
    publish({ startedAt, fault: await service.reload() }, service);
    if (isReady) notify.ready(status);
  });
  // Nobody has started us just to ask something: whoever did wants to hear at once what is wrong.
  await loadConfiguration(options.config, process.env);
  await service.start();
  stop.addEventListener('abort', () => {
    notify.stopping();
  });
  await serveSockets({
    decide: service.decide,
    observe: (path) => service.observe(path),
    listeners,
    stop,
    onReady: () => {
      isReady = true;
      notify.ready(status);
    },
    onListening: (path) => {
      service.log.write('info', 'listening', { path });
    },
    onWarning: (path, fault) => {
      service.log.write('warning', fault, { path });
    },
  });
  // systemd would have to kill what is still saying it.
  await notify.said();
  return service;
}

/** Lets `xtokend reload` know the result; only under systemd is anybody waiting for it. */
function publish(result: ReloadResult, { log }: Service): void {
  const directory = runtimeDirectory(process.env);
  if (directory === undefined) return;
  try {
    writeReloadResult(directory, { ...result, fault: result.fault && withoutSecrets(result.fault) });
  } catch (error) {
    log.write('warning', `cannot write the result of the reload to ${directory}: ${messageOf(error)}`);
  }
}

/** A person gets a hint, or the reason and the prompt back; a server gets refusals until the configuration is good. */
async function welcome({ protocol, config }: ServeOptions, version: string): Promise<void> {
  if (protocol !== 'generic') {
    throw new UsageError(
      `--protocol ${protocol} is for pipes: on a terminal nobody can type it, nor read the answers`,
    );
  }
  process.stderr.write(hint(await loadConfiguration(config, process.env), version));
}

function createService({ config }: ServeOptions, version: string, standardLog: 'stderr' | 'syslog'): Service {
  const load = (): ReturnType<typeof loadConfiguration> => loadConfiguration(config, process.env);
  const service = new Service({ load, standardLog, version });
  // Node itself would print the properties of the error, too, and a client's can hold a password.
  process.on('uncaughtException', (error) => {
    service.log.write('error', `uncaught exception; exiting: ${error.stack ?? error.message}`);
    process.exit(1);
  });
  // Whatever ends us, such as a second SIGTERM.
  process.on('exit', () => void service.close());
  return service;
}

const UPTIME_GRAIN_MILLISECONDS = 10;

/** What is not certain if the server can be seen only in part. */
const limits: Readonly<Record<Visibility, string | undefined>> = {
  terminal: undefined,
  'any-terminal':
    'cannot see on which terminal the server waits (/proc/PID/syscall is not readable, perhaps by kernel.yama.ptrace_scope); with more than one ' +
    'host on the stock module, a login can get the result of another after a signal to the server. Use mod_auth_xtoken instead',
  none:
    'cannot see whether the server waits (/proc/PID is not readable, perhaps by hidepid=); after a signal to the server, each login can get the ' +
    'result of the one before. Use mod_auth_xtoken instead',
};

/** @returns N of the terminal /dev/pts/N on standard input: its minor number */
function terminalNumber(): number {
  const { rdev } = fstatSync(0);
  return (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
}

const answers = { ...lines.answers, spoiler: Buffer.from('?\n') };

type Terminal = Omit<Parameters<typeof serveTerminal>[0], 'decide' | 'observer' | 'answerWithin' | 'stop'>;

function terminalOf(
  { emptyAt, startsInRequest, supervisorPid, serverPid }: SupervisorHandover,
  watch: ServerWatch,
): Terminal {
  const clock = (): number => performance.now();
  return {
    input: process.stdin,
    port: {
      read: openTerminalInput('/proc/self/fd/0'),
      look: watch.look,
      traffic: watch.traffic,
      write: (answer) => writeSync(ANSWER_DESCRIPTOR, answers[answer]),
      clock,
    },
    // The supervisor has only the clock of /proc, in hundredths of a second; what has gone by since is counted on ours.
    emptyAt: clock() - (uptime() - emptyAt) - UPTIME_GRAIN_MILLISECONDS,
    startsInRequest,
    // A supervisor that is gone has no parent.
    isOrphaned: () => parentOf(supervisorPid) !== serverPid,
  };
}
