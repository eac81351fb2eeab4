import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { parentOf } from '../../../system/processes.js';
import { findings, type Finding } from '../finding.js';
import { attempt } from '../machine/access.js';
import type { ProsodyConfiguration, ProsodyHost } from './configuration.js';

const { ok, note, warning, problem } = findings('prosody');

/**
 * Reports settings that weaken the protection on the terminal of the stock module, and how strong that is. See docs/terminal.md.
 *
 * @param stock the hosts that use the stock module
 */
export function checkProsodyTerminal(
  { global }: ProsodyConfiguration,
  stock: readonly ProsodyHost[],
): Finding[] {
  if (stock.length === 0) return [];
  const isNonBlocking = stock.some(({ setting }) => setting('external_auth_blocking') === 'false');
  const hasRegistration = stock.some(({ hasModule }) => hasModule('register') === true);
  return [
    ...(isNonBlocking ? [nonBlocking] : []),
    ...(hasRegistration ? [registration] : []),
    visibilityOf(stock.length > 1 || global('network_backend') === 'select'),
  ];
}

/** @param needsTracing whether Prosody may wait for something else in select(2) */
function visibilityOf(needsTracing: boolean): Finding {
  if (!supervisors().every(seesItsServer)) return notVisible;
  // Yama refuses to let a process trace its parent (kernel.yama.ptrace_scope, ptrace(2)).
  if (!(Number(contentOf('/proc/sys/kernel/yama/ptrace_scope')) > 0)) return visible;
  return (needsTracing ? warning : note)(
    'prosody-terminal-partly-visible',
    'kernel.yama.ptrace_scope keeps xtokend from seeing on which terminal Prosody waits; with several hosts on the stock module, or network_backend = "select", a login can get the result of another one after a signal to Prosody',
    'set authentication = "xtoken", which needs no terminal; or, if you can allow it, kernel.yama.ptrace_scope = 0',
  );
}

/** Returns the processes that are xtokend's supervisor on a terminal. */
function supervisors(): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => /\0[^\0]*\/xtokend\0$/.test(contentOf(`/proc/${pid}/cmdline`))).map(Number);
}

/** Returns whether a supervisor may inspect Prosody: the kernel's rule is the same as for reading the links of its descriptors. */
function seesItsServer(supervisor: number): boolean {
  const { uid, gid } = statSync(`/proc/${supervisor}`, { throwIfNoEntry: false }) ?? {};
  const own = process.getuid?.();
  // Only root can test this for another user.
  if (own !== 0 && uid !== own) return true;
  const as = own === 0 && uid !== undefined && gid !== undefined ? { uid, gid } : {};
  const link = `/proc/${parentOf(supervisor) ?? supervisor}/fd/0`;
  return spawnSync('readlink', [link], { ...as, stdio: 'ignore' }).status === 0;
}

function contentOf(path: string): string {
  return attempt(() => readFileSync(path, 'latin1')) ?? '';
}

const nonBlocking = problem(
  'prosody-terminal-non-blocking',
  'external_auth_blocking = false: xtokend never sees Prosody wait for an answer, and gives none',
  'remove external_auth_blocking; or set authentication = "xtoken", which never blocks Prosody',
);

const registration = warning(
  'prosody-terminal-registration',
  'mod_register gives new passwords to the stock module unchanged, with line ends; xtokend refuses those, and no password can be changed here',
  'add modules_disabled = { "register" } below the VirtualHost',
);

const visible = ok(
  'prosody-terminal-visible',
  'on the terminal of the stock module, xtokend sees whether Prosody waits for its answer',
);

const notVisible = warning(
  'prosody-terminal-not-visible',
  'a running xtokend cannot see whether Prosody waits for its answer; after a signal to Prosody, each login can get the result of the previous one',
  'run Prosody and xtokend as the same user and without file capabilities; or set authentication = "xtoken"',
);
