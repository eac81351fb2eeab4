import { resolve } from 'node:path';
import { quoted } from '../../quoted.js';
import type { NamedFiles } from './situation.js';

/** Returns the shell command that runs this check as another user, with the configurations that the command line names. */
export function rerunAs(user: string, { config, prosody }: NamedFiles): string {
  const option = (name: string, value: string | undefined): string =>
    value === undefined ? '' : ` --${name} ${quoted(resolve(value))}`;
  const command = `xtokend check${option('config', config)}${option('prosody', prosody)}`;
  return `su -s /bin/sh ${user} -c ${quoted(command)}`;
}
