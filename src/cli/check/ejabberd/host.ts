import { availableParallelism } from 'node:os';
import { normalizeHost } from '../../../credential/jid/prepare.js';
import { chooseStore } from '../../../daemon/open-cache.js';
import { lacksHost } from '../../configured-host.js';
import type { EjabberdHost } from './configuration.js';
import { checkEjabberdProgram } from './program.js';
import type { Finding } from '../finding.js';
import type { Situation } from '../situation.js';

/** A finding about ejabberd. */
export type EjabberdFinding = Omit<Finding, 'subject'>;

/** What ejabberd takes for false, in quotes as well. */
const NO: readonly unknown[] = [false, 'false', 'no', 'off'];

/** Looks at the settings of a host with external authentication. */
export async function judgeEjabberdHost(
  host: EjabberdHost,
  situation: Situation,
): Promise<EjabberdFinding[]> {
  return [
    ...checkCache(host),
    ...checkEjabberdProgram(host),
    ...checkPool(host, situation),
    ...checkMechanisms(host),
    ...(await checkServed(host, situation)),
    ...(await checkAccounts(host, situation)),
  ];
}

function checkCache({ setting }: EjabberdHost): EjabberdFinding[] {
  const cache = setting('auth_use_cache') ?? setting('use_cache') ?? true;
  if (NO.includes(cache)) return [];
  const message =
    "ejabberd's cache is on: it accepts a used token again without asking, and refuses the next one";
  return [{ level: 'problem', code: 'ejabberd-cache', message, fix: 'auth_use_cache: false' }];
}

function checkPool({ setting }: EjabberdHost, { configuration }: Situation): EjabberdFinding[] {
  const size = setting('extauth_pool_size') ?? availableParallelism();
  if (configuration === undefined || size === 1 || chooseStore(configuration.replay).kind !== 'memory')
    return [];
  const message = `ejabberd runs ${typeof size === 'number' ? size : 'several'} processes for each host, and each remembers used tokens in its own memory: a token works once in each`;
  const fix = '[replay] store = "directory" that ejabberd\'s user can write to, or extauth_pool_size: 1';
  return [{ level: 'problem', code: 'ejabberd-pool', message, fix }];
}

function checkMechanisms({ name, setting }: EjabberdHost): EjabberdFinding[] {
  const disabled = [setting('disable_sasl_mechanisms')]
    .flat()
    .map((mechanism) => (typeof mechanism === 'string' ? mechanism.toUpperCase() : ''));
  if (disabled.includes('PLAIN')) {
    const message = `disable_sasl_mechanisms holds PLAIN, by which clients send tokens: nobody gets in at ${name}`;
    const fix = 'disable_sasl_mechanisms: ["X-OAUTH2"]';
    return [{ level: 'problem', code: 'ejabberd-plain-off', message, fix }];
  }
  if (disabled.includes('X-OAUTH2')) return [];
  const message =
    'ejabberd offers X-OAUTH2 beside PLAIN, and some clients (stanza) choose it: their tokens are refused';
  return [
    { level: 'warning', code: 'ejabberd-oauth', message, fix: 'disable_sasl_mechanisms: ["X-OAUTH2"]' },
  ];
}

async function checkServed({ name }: EjabberdHost, { configuration }: Situation): Promise<EjabberdFinding[]> {
  if (!(await lacksHost(configuration, name))) return [];
  const message = `ejabberd asks xtokend for ${name}, but xtokend does not serve it: nobody gets in there`;
  const fix = `add [hosts."${name}"] to ${configuration?.file ?? ''}`;
  return [{ level: 'problem', code: 'ejabberd-host-not-served', message, fix }];
}

/** ejabberd registers no account that exists already, and asks all its methods. */
async function checkAccounts(
  { name, methods }: EjabberdHost,
  { configuration }: Situation,
): Promise<EjabberdFinding[]> {
  const host = await normalizeHost(name);
  const users = host === undefined ? undefined : configuration?.hosts.of(host)?.users.users;
  if (methods.length === 1 || users !== 'any') return [];
  const message = `no local account can be registered at ${name}: with users = "any", xtokend says of every name that it exists`;
  const fix = 'users = "seen", or a list of the users who have tokens';
  return [{ level: 'note', code: 'ejabberd-accounts', message, fix }];
}
