import { quoted } from '../../../quoted.js';
import { findExposure } from '../../../system/trusted-path.js';
import { trustedWith } from '../configuration/trusted-users.js';
import { installDropIn } from '../../shared/drop-in.js';
import { findings, type Finding } from '../finding.js';
import { statOf } from '../machine/access.js';
import type { Situation } from '../situation.js';
import { backendsOf } from './backends.js';

const { note, warning, problem } = findings('passwords');

/** Checks who else can change the programs of `command`, and whether the unit of the service keeps them from the network. */
export function checkCommandFiles(situation: Situation): Finding[] {
  const commands = backendsOf(situation).flatMap(({ settings }) =>
    settings.kind === 'command' ? [settings.command] : [],
  );
  const programs = new Set(commands.map(([program]) => program));
  // Such as the script of an interpreter.
  const files = commands.flatMap(([, ...args]) =>
    args.filter((path) => path.startsWith('/') && !programs.has(path) && statOf(path)?.isFile() === true),
  );
  return [
    ...[...programs].flatMap(checkProgram),
    ...[...new Set(files)].flatMap(checkArgument),
    ...(programs.size > 0 ? checkNetwork([...programs], situation) : []),
  ];
}

function checkProgram(path: string): Finding[] {
  const exposure = findExposure(path, trustedWith(path));
  if (exposure === undefined) return [];
  const message = `${exposure.message}, and so can replace ${path} and let anybody log in`;
  return [
    problem('passwords-command-writable', message, `${exposure.fix}; then check the content of the file`),
  ];
}

function checkArgument(path: string): Finding[] {
  const exposure = findExposure(path, trustedWith(path));
  if (exposure === undefined) return [];
  const message = `${exposure.message}; if the program of passwords.command runs ${quoted(path)}, that lets anybody log in`;
  return [warning('passwords-command-writable', message, exposure.fix)];
}

function checkNetwork(programs: readonly string[], { service }: Situation): Finding[] {
  if (service?.hasPrivateNetwork !== true) return [];
  const message = `the unit of the service keeps ${programs.join(', ')} from the network`;
  const fix = `if the program needs it, install the drop-in passwords-command.conf: ${installDropIn('passwords-command.conf')}`;
  return [note('passwords-command-network', message, fix)];
}
