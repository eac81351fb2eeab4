import type { Log } from '../../log/log.js';
import { openNotify, type Notify } from '../../daemon/notify.js';

/** @returns what systemd is told, if it wants to know. Only this process says it, not what is started from here. */
export function takeNotify(log: Log): Notify {
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
