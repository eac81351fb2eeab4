import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Daemon } from '../../test/support/daemon.js';
import { descendantsOf } from '../../test/support/processes.js';
import { exampleFor, LPTY_FOLDER, Prosody, type ProsodyRelease } from '../../test/support/prosody.js';
import { CONFIGURATION } from '../../test/servers/logins.js';
import { STOCK_CONFIGURATION, stockEnvironment, stockSettings } from '../../test/servers/stock/wiring.js';

/** The host that asks xtokend, and the one of the same Prosody that looks into its own files. */
export const OUR_HOST: string = 'example.com';
export const PLAIN_HOST: string = 'plain.example';

/** How long a login waits for xtokend, with either module. */
export const TIMEOUT_SECONDS: number = 2;

/** A Prosody with our module, and the daemon that it asks. */
export interface OurMachine {
  readonly prosody: Prosody;
  readonly daemon: Daemon;
}

const stops = new Set<() => Promise<void>>();

/** Does something, and stops what it was done with, whatever became of it. */
export async function thenStopped<Result>(
  stop: () => Promise<void>,
  action: () => Promise<Result>,
): Promise<Result> {
  stops.add(stop);
  try {
    return await action();
  } finally {
    await stop();
    stops.delete(stop);
  }
}

/** Stops what was started, the last first, for a run that is broken off. */
export async function stopAll(): Promise<void> {
  for (const stop of [...stops].reverse()) await stop();
}

/** Ends those of our own processes that nobody else could: say, a Prosody that has not started in time. */
export function killLeftOvers(): void {
  for (const pid of descendantsOf(process.pid)) process.kill(pid, 'SIGKILL');
}

/** Lends a Prosody that asks a daemon for one host, and nobody for the other. */
export async function withOurs<Result>(
  release: ProsodyRelease,
  action: (machine: OurMachine) => Promise<Result>,
): Promise<Result> {
  const daemon = new Daemon(CONFIGURATION);
  return thenStopped(
    () => daemon.remove(),
    async () => {
      await daemon.start();
      const prosody = await Prosody.start({
        release,
        configuration: `${logInto(dirname(daemon.socketPath))}\n${exampleFor(daemon.socketPath)}`,
        settings: `xtoken_timeout = ${TIMEOUT_SECONDS}`,
        more: `VirtualHost "${PLAIN_HOST}" authentication = "internal_plain"`,
      });
      return thenStopped(
        () => prosody.stop(),
        () => action({ prosody, daemon }),
      );
    },
  );
}

/** Whether Prosody can have the stock wiring here. */
export function hasStock(): boolean {
  return existsSync(LPTY_FOLDER);
}

/** Lends a Prosody that runs xtokend on a terminal, as docs/prosody-stock-module.md says. */
export async function withStock<Result>(
  release: ProsodyRelease,
  action: (prosody: Prosody) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'xtokend-bench-'));
  const removeFolder = (): Promise<void> => rm(folder, { recursive: true, force: true });
  return thenStopped(removeFolder, async () => {
    const config = join(folder, 'xtokend.toml');
    writeFileSync(config, STOCK_CONFIGURATION, { mode: 0o600 });
    const configuration = `${logInto(folder)}\n${stockSettings(TIMEOUT_SECONDS)}`;
    const prosody = await Prosody.start({ release, configuration, env: stockEnvironment(config) });
    return thenStopped(
      () => prosody.stop(),
      () => action(prosody),
    );
  });
}

/** As much as an installed Prosody logs. The tests log at level debug, which costs more than what is measured. */
function logInto(folder: string): string {
  return `log = { info = "${folder}/prosody.log" }`;
}
