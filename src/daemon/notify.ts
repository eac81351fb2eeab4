import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { failureOf } from '../errors.js';

/** Notifies systemd of the state of a service of `Type=notify` (sd_notify(3)). Never waits, never throws. */
export interface Notify {
  /** The service answers requests, or a reload has ended. */
  readonly ready: (status: string) => void;
  /** A reload has started; {@link Notify.ready} must follow. */
  readonly reloading: () => void;
  /** The service accepts no more connections. */
  readonly stopping: () => void;
  /** Waits until all messages are sent, but at most 200 ms. */
  readonly flushed: () => Promise<void>;
}

/** Options of {@link openNotify}. */
export interface NotifyOptions {
  /** `$NOTIFY_SOCKET`; if it is `undefined`, nothing is sent. */
  readonly socket: string | undefined;
  /** Where programs are found. */
  readonly path: string | undefined;
  /** The main process of the service. */
  readonly pid: number;
  /** Returns microseconds of CLOCK_MONOTONIC. */
  readonly monotonic: () => bigint;
  /** Called once if systemd cannot be notified. */
  readonly onWarning: (message: string) => void;
}

const SEND_DEADLINE_MILLISECONDS = 10_000;
const FLUSH_DEADLINE_MILLISECONDS = 200;

/** Notifies systemd by systemd-notify(1), as Node has no datagram sockets of this kind. Sends one message after another. */
export function openNotify(options: NotifyOptions): Notify {
  const { socket, monotonic } = options;
  let sent = Promise.resolve();
  let hasWarned = false;
  const onError = (error: unknown): void => {
    if (!hasWarned) options.onWarning(explain(error));
    hasWarned = true;
  };
  const send = (...message: string[]): void => {
    if (socket === undefined) return;
    sent = sent.then(() => run(message, options, onError));
  };
  return {
    ready: (status) => {
      send('--ready', `--status=${status}`);
    },
    reloading: () => {
      send('--status=Reloading the configuration', 'RELOADING=1', `MONOTONIC_USEC=${monotonic()}`);
    },
    stopping: () => {
      send('--status=Answering the last requests', 'STOPPING=1');
    },
    flushed: () => Promise.race([sent, sleep(FLUSH_DEADLINE_MILLISECONDS, undefined, { ref: false })]),
  };
}

/** Runs systemd-notify. @returns when it has ended, or cannot be run */
function run(
  message: readonly string[],
  { socket, path, pid }: NotifyOptions,
  onError: (error: unknown) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const env = { PATH: path, NOTIFY_SOCKET: socket };
    const done = (error: unknown): void => {
      if (error !== null) onError(error);
      resolve();
    };
    try {
      const settings = { env, timeout: SEND_DEADLINE_MILLISECONDS };
      execFile('systemd-notify', [`--pid=${pid}`, ...message], settings, done).unref();
    } catch (error) {
      // The limit of processes, memory or file descriptors is reached.
      done(error);
    }
  });
}

function explain(error: unknown): string {
  return (
    `cannot notify systemd that this service is ready: expected to run systemd-notify, found: ${failureOf(error)}. ` +
    'Install it (package systemd), or set Type=exec instead of Type=notify'
  );
}
