import type { Configuration } from '../config/configuration.js';
import { loadConfiguration } from '../config/load.js';
import { CurrentAuthenticator } from '../operations/current-authenticator.js';
import { decisionLog } from '../operations/decision-log.js';
import { openLog, type Log } from '../operations/log.js';
import { framings, type Protocol } from '../protocol/framings.js';
import { MemoryRecord } from '../replay/memory-record.js';
import { serveStdio } from '../server/stdio.js';
import { hint } from './hint.js';

/** The options of `xtokend serve`. */
export interface ServeOptions {
  readonly config?: string;
  readonly protocol: Protocol;
}

/** `xtokend serve`: answers requests on stdin and stdout until end of input. */
export async function serve(options: ServeOptions, version: string): Promise<void> {
  const load = (): Promise<Configuration> => loadConfiguration(options.config, process.env);
  // A person gets the message and the prompt back; a server gets refusals until the configuration is good.
  if (process.stdin.isTTY) process.stderr.write(hint(await load(), version));
  let log = openLog({ kind: 'stderr' }, Date.now);
  const authenticator = new CurrentAuthenticator({
    load,
    replay: new MemoryRecord(),
    clock: Date.now,
    onLoaded: ({ file, logTarget }) => {
      log = openLog(logTarget, Date.now);
      log('info', 'started', { version, configuration: file });
    },
    onBroken: (error) => {
      log('error', `refusing every request: ${message(error)}`);
    },
  });
  await authenticator.load();
  await serveStdio({
    input: process.stdin,
    output: process.stdout,
    framing: framings[options.protocol],
    decide: (request) => authenticator.decide(request),
    observer: decisionLog((...line: Parameters<Log>) => {
      log(...line);
    }),
    stop: stopSignal(),
  });
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      controller.abort();
    });
  return controller.signal;
}
