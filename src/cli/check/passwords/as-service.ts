import { findings, type Finding } from '../finding.js';
import { statOf } from '../machine/access.js';
import type { Situation } from '../situation.js';
import { checkStore, unreadable } from './store.js';
import { backendsOf } from './backends.js';

const { problem } = findings('passwords');

const HIDDEN = 'its unit hides it (ProtectHome=, PrivateTmp=, InaccessiblePaths=)';

/** Replaces a finding of the service that a file is missing, if root finds the file. */
export function findHidden(finding: Finding, situation: Situation): Finding {
  const { code, message } = finding;
  if (code !== 'passwords-store-missing' && code !== 'passwords-command-missing') return finding;
  const paths = backendsOf(situation).flatMap(({ settings }) => {
    if (settings.kind === 'app-passwords') return settings.path;
    return settings.kind === 'command' ? settings.command[0] : [];
  });
  const hidden = paths.find((path) => message.endsWith(` ${path}`) && statOf(path) !== undefined);
  if (hidden === undefined) return finding;
  if (code === 'passwords-store-missing')
    return unreadable(hidden, HIDDEN, 'move it to /etc/xtokend, and set store to that path');
  const fix = 'move the program to /usr/local/bin, and set passwords.command to that path';
  return problem(code, `passwords.command: ${hidden} cannot be run: ${HIDDEN}`, fix);
}

/** Reads the files of app passwords as the user who runs this process. */
export async function checkStores(situation: Situation): Promise<Finding[]> {
  const stores = backendsOf(situation).flatMap(({ settings }) =>
    settings.kind === 'app-passwords' ? settings : [],
  );
  return (await Promise.all(stores.map((store) => checkStore(store, situation)))).flat();
}

/** Explains what the unit must permit so that a back end works; `undefined` if that is not known to help. */
export function howToPermitBackend({ code, fix }: Finding, hasPrivateNetwork: boolean): string | undefined {
  if (!hasPrivateNetwork) return undefined;
  if (code === 'passwords-http-failed')
    return 'install the drop-in passwords-http.conf (docs/systemd.md), which lets the service use TCP';
  if (code !== 'passwords-command-failed') return undefined;
  return `if the program needs the network, or a log file: install the drop-in passwords-command.conf (docs/systemd.md)${fix === undefined ? '' : `\nor ${fix}`}`;
}
