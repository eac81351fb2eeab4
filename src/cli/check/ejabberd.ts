import { existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { chooseStore } from '../../operations/open-record.js';
import { lacksHost } from '../configured-host.js';
import { readEjabberd, type EjabberdConfiguration, type EjabberdHost } from './ejabberd-configuration.js';
import type { Finding, Level } from './finding.js';
import type { Situation } from './situation.js';

/** What ejabberd takes for false, in quotes as well. */
const NO: readonly unknown[] = [false, 'false', 'no', 'off'];

/** Looks at how ejabberd is told to ask xtokend. */
export async function checkEjabberd(situation: Situation): Promise<Finding[]> {
  const ejabberd = await readEjabberd(situation);
  if (ejabberd === undefined) return [];
  const isNamed = situation.named.ejabberd !== undefined;
  if ('fault' in ejabberd) {
    const cure = 'run this as root, or name another file: --ejabberd FILE';
    return [finding(isNamed ? 'warning' : 'note', 'ejabberd-unreadable', ejabberd.fault, cure)];
  }
  if (ejabberd.hosts.length === 0) return isNamed ? [silent(ejabberd)] : [];
  const faults = (await Promise.all(ejabberd.hosts.map((host) => checkOne(host, situation)))).flat();
  // What stands at the top is said once for all hosts.
  const once = [...new Map(faults.map((fault) => [fault.message, fault])).values()];
  return once.length > 0 ? once : [good(ejabberd)];
}

async function checkOne(host: EjabberdHost, situation: Situation): Promise<Finding[]> {
  return [
    ...checkCache(host),
    ...checkProgram(host),
    ...checkPool(host, situation),
    ...(await checkHost(host, situation)),
  ];
}

function checkCache({ setting }: EjabberdHost): Finding[] {
  const cache = setting('auth_use_cache') ?? setting('use_cache') ?? true;
  if (NO.includes(cache)) return [];
  const message =
    "ejabberd's cache is on: it accepts a used token again without asking, and refuses the next one";
  return [finding('problem', 'ejabberd-cache', message, 'auth_use_cache: false')];
}

function checkProgram({ setting }: EjabberdHost): Finding[] {
  const command = setting('extauth_program');
  const cure =
    "extauth_program: '/usr/bin/xtokend --protocol ejabberd'; `command -v xtokend` prints the path";
  if (typeof command !== 'string') {
    return [
      finding('problem', 'ejabberd-program', 'auth_method is external, but extauth_program is missing', cure),
    ];
  }
  // It runs in a shell: quotes and words as there, but hardly ever more.
  const [program = '', ...args] = command
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/^(["'])(.*)\1$/, '$2'));
  const fault = faultOf(program);
  if (fault !== undefined) return [finding('problem', 'ejabberd-program', `extauth_program: ${fault}`, cure)];
  if (!program.includes('xtokend') || /(^| )--protocol[ =]ejabberd( |$)/.test(args.join(' '))) return [];
  const message = 'extauth_program is xtokend without --protocol ejabberd: neither understands the other';
  return [finding('problem', 'ejabberd-protocol', message, cure)];
}

function faultOf(program: string): string | undefined {
  if (!program.startsWith('/')) return undefined;
  if (!existsSync(program)) return `there is no ${program}`;
  const stats = statSync(program);
  return stats.isFile() && (stats.mode & 0o111) !== 0 ? undefined : `${program} is not a program`;
}

function checkPool({ setting }: EjabberdHost, { configuration }: Situation): Finding[] {
  const size = setting('extauth_pool_size') ?? availableParallelism();
  if (configuration === undefined || size === 1 || chooseStore(configuration.replay).kind !== 'memory')
    return [];
  const message = `ejabberd runs ${typeof size === 'number' ? size : 'several'} processes for each host, and each remembers used tokens in its own memory: a token works once in each`;
  const cure = '[replay] store = "directory" that ejabberd\'s user can write to, or extauth_pool_size: 1';
  return [finding('problem', 'ejabberd-pool', message, cure)];
}

async function checkHost({ name }: EjabberdHost, { configuration }: Situation): Promise<Finding[]> {
  if (!(await lacksHost(configuration, name))) return [];
  const message = `ejabberd asks xtokend for ${name}, but xtokend does not serve it: nobody gets in there`;
  return [
    finding('problem', 'ejabberd-host', message, `add [hosts."${name}"] to ${configuration?.file ?? ''}`),
  ];
}

function silent({ file }: EjabberdConfiguration): Finding {
  return finding(
    'warning',
    'ejabberd-unasked',
    `no host in ${file} asks a program`,
    'auth_method: [external]',
  );
}

function good({ file, hosts }: EjabberdConfiguration): Finding {
  const names = hosts.map(({ name }) => name).join(', ');
  return finding('ok', 'ejabberd-good', `${file} asks xtokend for ${names}, and has no cache in between`);
}

function finding(level: Level, code: Finding['code'], message: string, cure?: string): Finding {
  return { level, code, subject: 'ejabberd', message, ...(cure === undefined ? {} : { cure }) };
}
