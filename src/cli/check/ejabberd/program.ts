import { existsSync, statSync } from 'node:fs';
import { quoted } from '../../../quoted.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import { isBridge, isPatient, isXtokend, protocolOf, wordsOf } from './command.js';
import type { EjabberdHost } from './configuration.js';
import { checkBridgedSocket } from './socket.js';

const { note, warning, problem } = findings('ejabberd');

const FIX = "extauth_program: '/usr/bin/xtokend'; `command -v xtokend` prints the path";

/** Checks the command line with which ejabberd starts xtokend, or connects to it. */
export async function checkEjabberdProgram(host: EjabberdHost, situation: Situation): Promise<Finding[]> {
  const command = host.setting('extauth_program');
  if (typeof command !== 'string')
    return [problem('ejabberd-program', 'auth_method is external, but extauth_program is missing', FIX)];
  const words = wordsOf(command);
  if (host.socket !== undefined) {
    const missing = findFaultIn(words, isBridge);
    if (missing !== undefined)
      return [problem('ejabberd-program', `extauth_program: ${missing}`, 'apt install socat')];
    return [...checkRetry(command, host.socket), ...(await checkBridgedSocket(host, host.socket, situation))];
  }
  const fault = findFaultIn(words, isXtokend);
  if (fault !== undefined) return [problem('ejabberd-program', `extauth_program: ${fault}`, FIX)];
  return words.some(isXtokend) ? checkProtocol(words) : [unknown(words)];
}

function unknown([program = '']: readonly string[]): Finding {
  const message = `extauth_program runs ${quoted(program)}; whether that is xtokend is unknown`;
  return note('ejabberd-program-unknown', message, FIX);
}

function checkProtocol(words: readonly string[]): Finding[] {
  const protocol = protocolOf(words) ?? 'auto';
  if (['auto', 'ejabberd'].includes(protocol)) return [];
  const message = `extauth_program runs xtokend with --protocol ${protocol}, which ejabberd does not speak`;
  return [problem('ejabberd-protocol', message, FIX)];
}

/** ejabberd starts a program that has ended again at once, and gives up after some such starts within seconds. */
function checkRetry(command: string, path: string): Finding[] {
  if (isPatient(command)) return [];
  const message = `extauth_program ends at once if it cannot connect to ${path}: ejabberd then gives up within seconds, and all logins fail until it is restarted`;
  const fix = `extauth_program: '/usr/bin/socat STDIO UNIX-CONNECT:${path},retry=5'`;
  return [warning('ejabberd-no-retry', message, fix)];
}

/** Finds what is wrong with the program of a command, or with another one that it runs. */
function findFaultIn(words: readonly string[], isProgram: (word: string) => boolean): string | undefined {
  const programs = [words[0] ?? '', ...words.filter(isProgram)];
  return programs.map(findFault).find((text) => text !== undefined);
}

function findFault(program: string): string | undefined {
  if (!program.startsWith('/')) return undefined;
  if (!existsSync(program)) return `there is no ${program}`;
  const stats = statSync(program);
  if (!stats.isFile()) return `${program} is not a program`;
  // Node reads the bundle, which needs no permission to be executed.
  return /\.[cm]?js$/.test(program) || (stats.mode & 0o111) !== 0 ? undefined : `${program} is not a program`;
}
