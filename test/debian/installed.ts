import type { Finding } from '../../src/cli/check/finding.js';
import { TIME_STEP_MILLISECONDS } from '../../src/credential/otp.js';
import { login, type LoginResult } from '../support/servers/xmpp-login.js';
import type { DebianMachine } from './debian-machine.js';
import type { XmppPort } from './xmpp-port.js';

/** The host in Prosody. */
export const HOST = 'example.com';
export const SOCKET = '/run/xtokend/xtokend.sock';
export const CONFIGURATION = '/etc/xtokend/xtokend.toml';

/** A machine that has just started refuses tokens of this time step and the next one, so the signer's clock is one ahead. In milliseconds. */
export const AHEAD: number = TIME_STEP_MILLISECONDS;

/** Mints a token on the machine, as an administrator does. */
export function mint(machine: DebianMachine, jid: string): string {
  return machine.do(`xtokend mint ${jid} --at ${new Date(Date.now() + AHEAD).toISOString()}`).trim();
}

/** Logs in to Prosody. */
export function logIn(port: XmppPort, username: string, password: string): Promise<LoginResult> {
  return login({ service: port.service, domain: HOST, username, password });
}

/** Logs in with a new token twice. Returns both results. */
export async function logInTwice(
  machine: DebianMachine,
  port: XmppPort,
  username: string,
): Promise<LoginResult[]> {
  await machine.acceptsTokensAhead();
  const token = mint(machine, `${username}@${HOST}`);
  return [await logIn(port, username, token), await logIn(port, username, token)];
}

/** Returns the problems and warnings of `xtokend check`, except for the clock, which the namespaces hide. */
export function check(machine: DebianMachine): string[] {
  const { stdout } = machine.run('xtokend check --json');
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  return findings
    .filter(({ level, code }) => (level === 'problem' || level === 'warning') && !code.startsWith('clock'))
    .map(({ level, code, message }) => `${level} ${code}: ${message}`);
}

/** Returns what is wrong with the files of the package: those that differ from it, and links without a target. */
export function faultsOfFiles(machine: DebianMachine): string {
  return machine.do(`dpkg --verify xtokend
    dpkg --listfiles xtokend | while read -r path; do [ -e "$path" ] || echo "$path is missing, or its target"; done`);
}

/** Returns what systemd and dpkg report about failed units and packages that are installed partly. */
export function failures(machine: DebianMachine): string {
  return machine.do('systemctl list-units --failed --no-legend; dpkg --audit');
}
