import { lacksHost } from '../configured-host.js';
import { findAccount } from './accounts.js';
import type { Finding } from './finding.js';
import { checkProsodyCommand } from './prosody-command.js';
import { readProsody, type ProsodyConfiguration, type ProsodyHost } from './prosody-configuration.js';
import { checkProsodyModule } from './prosody-module.js';
import { checkProsodyTerminal } from './prosody-terminal.js';
import type { Situation } from './situation.js';

const DEFAULT_USER = 'prosody';

/** Looks at how Prosody is told to ask xtokend: by our module, or by the stock one. */
export async function checkProsody(situation: Situation): Promise<Finding[]> {
  const prosody = readProsody(situation);
  if (prosody === undefined) return [];
  if ('fault' in prosody) return [unreadable(prosody.fault, situation)];
  const hosts = prosody.hosts.filter(asksXtokend);
  if (hosts.length === 0) return situation.named.prosody === undefined ? [] : [silent(prosody.file)];
  const account = findAccount(prosodyUser(prosody));
  const faults = [
    ...checkProsodyModule(prosody, hosts, account, situation),
    ...(await checkProsodyCommand(hosts, account, situation)),
    ...(await checkHosts(prosody, hosts, situation)),
  ];
  const terminal = checkProsodyTerminal(prosody, hosts);
  return [...(faults.length > 0 ? faults : [good(prosody.file, hosts)]), ...terminal];
}

/** @returns the name of the user that Prosody runs as */
export function prosodyUser({ global }: ProsodyConfiguration): string {
  const user = global('prosody_user');
  return typeof user === 'string' ? user : DEFAULT_USER;
}

/** Whether a host has our module, or the stock one (`external`, `external_insecure`) with a program. */
function asksXtokend({ setting }: ProsodyHost): boolean {
  const authentication = setting('authentication') ?? '';
  const isStock = authentication.startsWith('external') && setting('external_auth_command') !== undefined;
  return authentication === 'xtoken' || isStock;
}

async function checkHosts(
  { file }: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
  { configuration }: Situation,
): Promise<Finding[]> {
  const names = hosts.map(({ name }) => name).filter((name) => name !== undefined);
  const isUnserved = await Promise.all(names.map((name) => lacksHost(configuration, name)));
  const unserved = names.filter((_, index) => isUnserved[index]);
  return unserved.map((name) => ({
    level: 'problem',
    code: 'prosody-host',
    subject: 'prosody',
    message: `${file} asks xtokend for ${name}, but xtokend does not serve it: nobody gets in there`,
    cure: `add [hosts."${name}"] to ${configuration?.file ?? ''}`,
  }));
}

function unreadable(fault: string, { named }: Situation): Finding {
  return {
    level: named.prosody === undefined ? 'note' : 'warning',
    code: 'prosody-unreadable',
    subject: 'prosody',
    message: fault,
    cure: 'run this as root, or name another file: --prosody FILE',
  };
}

function silent(file: string): Finding {
  return {
    level: 'warning',
    code: 'prosody-unasked',
    subject: 'prosody',
    message: `no host in ${file} asks xtokend`,
    cure: 'authentication = "xtoken" below a VirtualHost does that',
  };
}

function good(file: string, hosts: readonly ProsodyHost[]): Finding {
  const names = hosts.map(({ name }) => name ?? 'every host').join(', ');
  return {
    level: 'ok',
    code: 'prosody-good',
    subject: 'prosody',
    message: `${file} asks xtokend for ${names}`,
  };
}
