import { join } from 'node:path';
import { quoted } from '../../quoted.js';
import { packageDirectory } from './package-directory.js';

/** A drop-in of the package for xtokend.service. */
type DropIn = 'metrics-tcp.conf' | 'passwords-command.conf' | 'passwords-http.conf' | 'redis-tcp.conf';

/** Returns the shell command that installs a drop-in of this installation, and restarts the service. */
export function installDropIn(name: DropIn): string {
  const file = quoted(join(packageDirectory(), 'systemd/drop-ins', name));
  return `install -D -m 644 ${file} -t /etc/systemd/system/xtokend.service.d && systemctl daemon-reload && systemctl restart xtokend`;
}
