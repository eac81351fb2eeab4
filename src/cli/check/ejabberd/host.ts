import { availableParallelism } from 'node:os';
import { normalizeHost } from '../../../credential/jid/prepare.js';
import { chooseStore } from '../../../replay/registry.js';
import { checkServed } from '../chat-servers.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import type { EjabberdHost } from './configuration.js';
import { checkEjabberdProgram } from './program.js';

const { note, warning, problem } = findings('ejabberd');

/** The values that ejabberd reads as false, also in quotes. */
const NO: readonly unknown[] = [false, 'false', 'no', 'off'];

/** Checks the settings of a host with external authentication. */
export async function checkEjabberdHost(host: EjabberdHost, situation: Situation): Promise<Finding[]> {
  return [
    ...checkCache(host),
    ...(await checkEjabberdProgram(host, situation)),
    ...checkPool(host, situation),
    ...checkMechanisms(host),
    ...(await checkServed('ejabberd', 'ejabberd', host.name, situation)),
    ...(await checkAccounts(host, situation)),
  ];
}

function checkCache({ setting }: EjabberdHost): Finding[] {
  const cache = setting('auth_use_cache') ?? setting('use_cache') ?? true;
  if (NO.includes(cache)) return [];
  const message =
    "ejabberd's cache is on: it accepts a used token again without asking xtokend, and refuses the next one";
  return [problem('ejabberd-cache', message, 'auth_use_cache: false')];
}

function checkPool({ setting, socket }: EjabberdHost, { configuration }: Situation): Finding[] {
  if (socket !== undefined) return [];
  const size = setting('extauth_pool_size') ?? availableParallelism();
  if (configuration === undefined || size === 1 || chooseStore(configuration.replay).kind !== 'memory')
    return [];
  const message = `ejabberd starts ${typeof size === 'number' ? size : 'several'} processes for each host, each with a replay cache in its own memory: each accepts the same token once`;
  const fix =
    'set [replay] store = "journal" with a path that ejabberd\'s user can write to, or extauth_pool_size: 1';
  return [problem('ejabberd-pool', message, fix)];
}

function checkMechanisms({ name, setting }: EjabberdHost): Finding[] {
  const disabled = [setting('disable_sasl_mechanisms')]
    .flat()
    .map((mechanism) => (typeof mechanism === 'string' ? mechanism.toUpperCase() : ''));
  const fix = 'disable_sasl_mechanisms: ["X-OAUTH2"]';
  if (disabled.includes('PLAIN')) {
    const message = `disable_sasl_mechanisms holds PLAIN, with which clients send tokens: nobody can log in at ${name}`;
    return [problem('ejabberd-plain-off', message, fix)];
  }
  if (disabled.includes('X-OAUTH2')) return [];
  const message =
    'ejabberd offers X-OAUTH2 besides PLAIN, and some clients (stanza) prefer it: ejabberd then refuses their tokens';
  return [warning('ejabberd-oauth', message, fix)];
}

/** ejabberd asks all its methods before it registers an account, and refuses if the user exists. */
async function checkAccounts(
  { name, methods }: EjabberdHost,
  { configuration }: Situation,
): Promise<Finding[]> {
  const host = await normalizeHost(name);
  const users = host === undefined ? undefined : configuration?.hosts.of(host)?.users.users;
  if (methods.length === 1 || users !== 'any') return [];
  const message = `no local account can be registered at ${name}: with users = "any", every name is already a user`;
  return [note('ejabberd-accounts', message, 'set users = "seen", or a list of the users who have tokens')];
}
