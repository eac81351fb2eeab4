import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { parentOf } from '../../../system/processes.js';
import type { Finding } from '../finding.js';
import type { ProsodyConfiguration, ProsodyHost } from './configuration.js';
import { wayOf } from './provider.js';

/** Looks at what weakens the protection on the terminal of the stock module, and at how strong it is. See docs/terminal.md. */
export function checkProsodyTerminal(
  { global }: ProsodyConfiguration,
  hosts: readonly ProsodyHost[],
): Finding[] {
  const stock = hosts.filter((host) => wayOf(host) === 'command');
  if (stock.length === 0) return [];
  const isNonBlocking = stock.some(({ setting }) => setting('external_auth_blocking') === 'false');
  const hasRegistration = stock.some(({ hasModule }) => hasModule('register') === true);
  return [
    ...(isNonBlocking ? [nonBlocking] : []),
    ...(hasRegistration ? [registration] : []),
    visibilityOf(stock.length > 1 || global('network_backend') === 'select'),
  ];
}

/** @param needsTracing whether the server may be waiting for something else when it waits in select(2) */
function visibilityOf(needsTracing: boolean): Finding {
  if (!supervisors().every(seesItsServer)) return unseen;
  if (mayTrace()) return seen;
  return { ...partlySeen, level: needsTracing ? 'warning' : 'note' };
}

/** @returns the processes that are xtokend's supervisor on a terminal */
function supervisors(): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => /\0[^\0]*\/xtokend\0$/.test(contentOf(`/proc/${pid}/cmdline`))).map(Number);
}

/** Whether its user may look at the server: the same right as to read where its descriptors lead. */
function seesItsServer(supervisor: number): boolean {
  const { uid, gid } = statSync(`/proc/${supervisor}`, { throwIfNoEntry: false }) ?? {};
  const own = process.getuid?.();
  // Of another user this one can't tell.
  if (own !== 0 && uid !== own) return true;
  const as = own === 0 && uid !== undefined && gid !== undefined ? { uid, gid } : {};
  const link = `/proc/${parentOf(supervisor) ?? supervisor}/fd/0`;
  return spawnSync('readlink', [link], { ...as, stdio: 'ignore' }).status === 0;
}

/** Yama refuses to let a process trace its parent (kernel.yama.ptrace_scope, ptrace(2)). */
function mayTrace(): boolean {
  return !(Number(contentOf('/proc/sys/kernel/yama/ptrace_scope')) > 0);
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

const nonBlocking: Finding = {
  level: 'problem',
  code: 'prosody-terminal-non-blocking',
  subject: 'prosody',
  message: 'external_auth_blocking = false: xtokend never sees Prosody wait for an answer, and gives none',
  fix: 'remove external_auth_blocking; or set authentication = "xtoken", which never makes Prosody wait',
};

const registration: Finding = {
  level: 'warning',
  code: 'prosody-terminal-registration',
  subject: 'prosody',
  message:
    'mod_register hands new passwords to the stock module as they are, line ends included; xtokend refuses those, but no password can be changed here anyway',
  fix: 'add modules_disabled = { "register" } below the VirtualHost',
};

const seen: Finding = {
  level: 'ok',
  code: 'prosody-terminal-visible',
  subject: 'prosody',
  message: 'on the terminal of the stock module, xtokend sees whether Prosody waits for its answer',
};

const partlySeen: Finding = {
  level: 'warning',
  code: 'prosody-terminal-partly-visible',
  subject: 'prosody',
  message:
    'kernel.yama.ptrace_scope keeps xtokend from seeing on which terminal Prosody waits; with several hosts on the stock module, or network_backend = "select", a login can get the result of another after a signal to Prosody',
  fix: 'set authentication = "xtoken", which needs no terminal; or, if you can allow it, kernel.yama.ptrace_scope = 0',
};

const unseen: Finding = {
  level: 'warning',
  code: 'prosody-terminal-not-visible',
  subject: 'prosody',
  message:
    'a running xtokend cannot see whether Prosody waits for its answer; after a signal to Prosody, each login can get the result of the one before',
  fix: 'run Prosody and xtokend as the same user and without file capabilities; or set authentication = "xtoken"',
};
