import { quoted } from '../../../quoted.js';
import { installDropIn } from '../../shared/drop-in.js';
import type { Code } from '../codes.js';
import { findings, type Finding } from '../finding.js';
import { describeObstacle, obstacleTo, statOf } from '../machine/access.js';
import type { Service } from '../service/find-service.js';
import type { Situation } from '../situation.js';
import { checkStore, unreadable } from './store.js';
import { backendsOf } from './backends.js';

const { problem } = findings('passwords');

const HIDDEN = 'its unit hides it (ProtectHome=, PrivateTmp=, InaccessiblePaths=)';

const FAULTS_OF_FILES: readonly string[] = [
  'passwords-store-missing',
  'passwords-store-unreadable',
  'passwords-command-missing',
  'passwords-command-not-executable',
] satisfies Code[];

/** Explains why the service can't use the file of a back end that root finds. Returns other findings as they are. */
export function explainFile(finding: Finding, situation: Situation, { account }: Service): Finding {
  if (!FAULTS_OF_FILES.includes(finding.code)) return finding;
  const { appPasswordFiles = [], programs = [] } = situation.configuration ?? {};
  const path = [...appPasswordFiles, ...programs].find((file) => finding.message.includes(file));
  if (path === undefined || statOf(path) === undefined) return finding;
  const isStore = finding.code.startsWith('passwords-store-');
  const obstacle = obstacleTo(path, account, isStore ? 'read' : 'execute');
  if (obstacle === undefined || finding.code.endsWith('-missing')) return hidden(path, isStore);
  // Another finding has the command for the file.
  if (isStore) return { ...finding, fix: 'let the user of xtokend read it' };
  const message = `passwords.command: ${describeObstacle(obstacle, account, 'run')}`;
  return problem('passwords-command-not-executable', message, `chmod a+x ${quoted(obstacle.path)}`);
}

function hidden(path: string, isStore: boolean): Finding {
  if (isStore)
    return unreadable(path, HIDDEN, 'move it to /etc/xtokend, and set passwords.store to that path');
  const fix = 'move the program to /usr/local/bin, and set passwords.command to that path';
  return problem(
    'passwords-command-not-executable',
    `passwords.command: ${path} cannot be run: ${HIDDEN}`,
    fix,
  );
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
    return `install the drop-in passwords-http.conf, which lets the service use TCP: ${installDropIn('passwords-http.conf')}`;
  if (code !== 'passwords-command-failed') return undefined;
  return `if the program needs the network, or a log file: install the drop-in passwords-command.conf: ${installDropIn('passwords-command.conf')}${fix === undefined ? '' : `\nor ${fix}`}`;
}
