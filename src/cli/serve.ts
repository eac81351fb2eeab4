import { writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Configuration } from '../config/configuration.js';
import { DEFAULT_ANSWER_WITHIN_MILLISECONDS, loadConfiguration } from '../config/load.js';
import { messageOf } from '../errors.js';
import { CurrentAuthenticator } from '../operations/current-authenticator.js';
import { decisionLog } from '../operations/decision-log.js';
import { openLog, type Log } from '../operations/log.js';
import { chooseStore, openRecord, whyMemory } from '../operations/open-record.js';
import { parentOf, uptime } from '../operations/processes.js';
import { watchRecord } from '../operations/watched-record.js';
import { framings, type Protocol } from '../protocol/framings.js';
import type { ReplayRecord } from '../replay/replay-record.js';
import {
  ANSWER_DESCRIPTOR,
  KEEPER_VARIABLE,
  parseKeeperHandover,
  type KeeperHandover,
} from '../server/keeper-handover.js';
import type { Decide, Observer } from '../server/responder.js';
import { converse } from '../server/conversation.js';
import { serveSockets } from '../server/sockets.js';
import { serveTerminal } from '../server/terminal.js';
import { hint } from './hint.js';
import { parseListenOption } from './listen-option.js';
import { stopSignal } from './stop-signal.js';
import { UsageError } from './usage-error.js';

/** The options of `xtokend serve`. */
export interface ServeOptions {
  readonly config?: string;
  readonly protocol: Protocol;
  /** Addresses of sockets, as `--listen` takes them; where there are none, stdin and stdout. */
  readonly listen?: readonly string[];
}

/** What every transport needs. */
interface Service {
  readonly decide: Decide;
  readonly observer: Observer;
  readonly answerWithin: () => number;
  readonly log: () => Log;
  readonly closeLog: () => void;
}

/** `xtokend serve`: answers requests on stdin and stdout until end of input, or on sockets until it is told to stop. */
export async function serve(options: ServeOptions, version: string): Promise<void> {
  const service =
    options.listen === undefined
      ? await serveStandard(options, version)
      : await serveListeners(options.listen, options, version);
  service.closeLog();
  // Answers or log lines that nobody reads would keep the process for ever.
  process.exit();
}

async function serveStandard(options: ServeOptions, version: string): Promise<Service> {
  const handover = parseKeeperHandover(process.env[KEEPER_VARIABLE] ?? '');
  if (handover === undefined && process.stdin.isTTY) await welcome(options, version);
  const service = await createService(options, version, handover === undefined ? 'stderr' : 'syslog');
  const { decide, observer, answerWithin } = service;
  const stop = stopSignal();
  if (handover === undefined) {
    const framing = framings[options.protocol];
    await converse({ input: process.stdin, output: process.stdout, framing, decide, observer, stop });
  } else {
    await serveTerminal({ ...terminalOf(handover), decide, observer, answerWithin, stop });
  }
  return service;
}

async function serveListeners(
  addresses: readonly string[],
  options: ServeOptions,
  version: string,
): Promise<Service> {
  const listeners = addresses.map((address) => parseListenOption(address, options.protocol));
  // Nobody has started us just to ask something: whoever did wants to hear at once what is wrong.
  await loadConfiguration(options.config, process.env);
  const stop = stopSignal();
  const service = await createService(options, version, 'stderr');
  await serveSockets({
    ...service,
    listeners,
    stop,
    onListening: (path) => {
      service.log().write('info', 'listening', { path });
    },
    onTrouble: (path, trouble) => {
      service.log().write('warning', trouble, { path });
    },
  });
  return service;
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

async function createService(
  { config }: ServeOptions,
  version: string,
  // Under a keeper stderr leads nowhere: it would be the terminal, and what stands there is an answer.
  standardLog: 'stderr' | 'syslog',
): Promise<Service> {
  const standard = openLog({ kind: standardLog }, Date.now);
  let log = standard;
  let answerWithin = DEFAULT_ANSWER_WITHIN_MILLISECONDS;
  const authenticator = new CurrentAuthenticator({
    load: () => loadConfiguration(config, process.env),
    openRecord: (configuration) => openConfiguredRecord(configuration, () => log),
    clock: Date.now,
    onLoaded: (configuration) => {
      log = openConfiguredLog(configuration, standardLog, standard);
      log.write('info', 'started', { version, configuration: configuration.file });
      answerWithin = configuration.answerWithin;
    },
    onBroken: (error) => {
      log.write('error', `refusing every request: ${messageOf(error)}`);
    },
  });
  process.on('uncaughtExceptionMonitor', (error) => {
    log.write('error', `ending after an exception that nobody expected: ${error.stack ?? error.message}`);
  });
  await authenticator.load();
  return {
    decide: (request) => authenticator.decide(request),
    observer: decisionLog(() => log),
    answerWithin: () => answerWithin,
    log: () => log,
    closeLog: () => {
      log.close();
      standard.close();
    },
  };
}

function openConfiguredLog({ logTarget }: Configuration, standardLog: string, standard: Log): Log {
  const isStandard = logTarget.kind === 'stderr' || logTarget.kind === standardLog;
  return isStandard ? standard : openLog(logTarget, Date.now, standard);
}

async function openConfiguredRecord({ replay }: Configuration, log: () => Log): Promise<ReplayRecord> {
  const store = chooseStore(replay);
  if (store.kind === 'memory' && replay.kind === 'directory') {
    log().write('warning', `used tokens are remembered in memory only: ${whyMemory(replay.path)}`);
  }
  const record = await openRecord(store, (message) => {
    log().write('warning', message);
  });
  return watchRecord(record, log);
}

const UPTIME_GRAIN_MILLISECONDS = 10;

type Terminal = Omit<Parameters<typeof serveTerminal>[0], 'decide' | 'observer' | 'answerWithin' | 'stop'>;

function terminalOf({ emptyAt, startsInRequest, keeperPid, serverPid }: KeeperHandover): Terminal {
  return {
    input: process.stdin,
    write: (answer) => writeSync(ANSWER_DESCRIPTOR, answer),
    // The keeper has only the clock of /proc, in hundredths of a second; what has gone by since is counted on ours.
    emptyAt: performance.now() - (uptime() - emptyAt) - UPTIME_GRAIN_MILLISECONDS,
    clock: () => performance.now(),
    startsInRequest,
    // A keeper that is gone has no parent.
    isOrphaned: () => parentOf(keeperPid) !== serverPid,
  };
}
