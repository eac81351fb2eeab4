import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { failureOf } from '../errors.js';

/** What systemd is told of a service of `Type=notify` (sd_notify(3)). Never waits, never throws. */
export interface Notify {
  /** The service answers; also once a reload is over. */
  ready(status: string): void;
  /** The configuration is being read again; {@link Notify.ready} must follow. */
  reloading(): void;
  /** The service lets nobody in any more. */
  stopping(): void;
  /** @returns once all is said; after a moment in any case */
  said(): Promise<void>;
}

/** What {@link openNotify} works with. */
export interface NotifyOptions {
  /** `$NOTIFY_SOCKET`; where there is none, nobody wants to know. */
  readonly socket: string | undefined;
  /** Where programs are found. */
  readonly path: string | undefined;
  /** The process that is meant. */
  readonly pid: number;
  /** @returns microseconds of CLOCK_MONOTONIC */
  readonly monotonic: () => bigint;
  /** Is told, once, that systemd cannot be told anything. */
  readonly onWarning: (message: string) => void;
}

const REPLY_DEADLINE_MILLISECONDS = 10_000;
const PATIENCE_AT_THE_END_MILLISECONDS = 200;

/**
 * Tells systemd by systemd-notify(1), since Node has no sockets of datagrams. One after the other: what is overtaken by an
 * older message is wrong.
 */
export function openNotify(options: NotifyOptions): Notify {
  const { socket, monotonic } = options;
  let said = Promise.resolve();
  let isTroubled = false;
  const onWarning = (error: unknown): void => {
    if (!isTroubled) options.onWarning(explain(error));
    isTroubled = true;
  };
  const say = (...message: string[]): void => {
    if (socket === undefined) return;
    said = said.then(() => tell(message, options, onWarning));
  };
  return {
    ready: (status) => {
      say('--ready', `--status=${status}`);
    },
    reloading: () => {
      say('--status=Reading the configuration again', 'RELOADING=1', `MONOTONIC_USEC=${monotonic()}`);
    },
    stopping: () => {
      say('--status=Answering the last requests', 'STOPPING=1');
    },
    said: () => Promise.race([said, sleep(PATIENCE_AT_THE_END_MILLISECONDS, undefined, { ref: false })]),
  };
}

/** @returns once it is said, or cannot be */
function tell(
  message: readonly string[],
  { socket, path, pid }: NotifyOptions,
  onWarning: (error: unknown) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const env = { PATH: path, NOTIFY_SOCKET: socket };
    const settings = { env, timeout: REPLY_DEADLINE_MILLISECONDS };
    const done = (error: unknown): void => {
      if (error !== null) onWarning(error);
      resolve();
    };
    try {
      execFile('systemd-notify', [`--pid=${pid}`, ...message], settings, done).unref();
    } catch (error) {
      // No process, no memory, no descriptor.
      done(error);
    }
  });
}

function explain(error: unknown): string {
  return (
    `systemd cannot be told that this service is ready: expected to run systemd-notify, found: ${failureOf(error)}. ` +
    'Install it (package systemd), or set Type=exec instead of Type=notify'
  );
}
