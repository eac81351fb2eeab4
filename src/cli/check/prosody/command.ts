import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { quoted } from '../../../quoted.js';
import { documentPath } from '../../shared/package-directory.js';
import { findings, type Finding } from '../finding.js';
import { describeObstacle, obstacleTo } from '../machine/access.js';
import type { Account } from '../machine/accounts.js';
import type { Situation } from '../situation.js';
import type { ProsodyHost } from './configuration.js';
import { findProsodyProgram, hasLpty } from './program.js';
import { isLauncher, mentionsXtokend } from './started/started-daemon.js';

const { note, problem } = findings('prosody');

const GENERIC = 'generic';

/**
 * Checks the requirements of the stock module: a program that Prosody can run, files that the program can read, and lpty. Messages
 * don't quote the arguments or the protocol, which can hold a secret by mistake.
 *
 * @param stock the hosts that use the stock module
 */
export async function checkProsodyCommand(
  stock: readonly ProsodyHost[],
  account: Account | undefined,
  situation: Situation,
): Promise<Finding[]> {
  if (stock.length === 0) return [];
  const known = stock.filter(({ isComputed }) => !isComputed('external_auth_command'));
  const commands = new Set(known.map(({ setting }) => setting('external_auth_command') ?? ''));
  const hasOtherProtocol = stock.some(
    ({ setting }) => (setting('external_auth_protocol') ?? GENERIC) !== GENERIC,
  );
  return [
    ...[...commands].flatMap((command) => checkCommand('external_auth_command', command, account)),
    ...(hasOtherProtocol ? [otherProtocol] : []),
    ...checkFiles(situation, account),
    ...(await checkLpty(situation)),
  ];
}

/**
 * Checks the command in a setting: execve(2) gets it as one path, without arguments, PATH and shell.
 *
 * @param setting that of the stock module, or of ours
 */
export function checkCommand(
  setting: 'external_auth_command' | 'xtoken_command',
  command: string,
  account: Account | undefined,
): Finding[] {
  if (/\s/.test(command) && !existsSync(command)) return [withArguments[setting]];
  const fault = findFault(command, account);
  const fix = 'set it to the path that `command -v xtokend` prints';
  if (fault !== undefined)
    return [problem('prosody-command-unusable', `${setting} cannot be run: ${fault}`, fix)];
  if (isXtokend(command)) return [];
  if (setting === 'xtoken_command' && !mentionsXtokend(command)) {
    const message = `${setting} is ${quoted(command)}, which does not run xtokend, so nobody can log in`;
    return [problem('prosody-command-other', message, fix)];
  }
  const message = `${setting} is ${quoted(command)}; whether that runs xtokend is unknown`;
  return [note('prosody-command-unknown', message, `for xtokend, ${fix}`)];
}

function findFault(command: string, account: Account | undefined): string | undefined {
  if (command === '') return 'it is missing';
  if (!isAbsolute(command)) return `expected an absolute path, got ${quoted(command)}`;
  if (!existsSync(command)) return `there is no ${command}`;
  if (!statSync(command).isFile()) return `${command} is not a file`;
  if ((statSync(command).mode & 0o111) === 0) return `${command} is not executable`;
  const obstacle = account && obstacleTo(command, account, 'execute');
  return account && obstacle && describeObstacle(obstacle, account, 'run');
}

/** Decides by the content of the file, and by the name of the command, or of the file that it links to. */
function isXtokend(command: string): boolean {
  return (
    isLauncher(command) || [command, realpathSync(command)].some((path) => basename(path).includes('xtokend'))
  );
}

/** A program that Prosody starts reads the configuration as Prosody's user. */
function checkFiles({ file, secretFiles }: Situation, account: Account | undefined): Finding[] {
  if (account === undefined) return [];
  return [...new Set([file, ...secretFiles])].flatMap((path) => {
    const obstacle = existsSync(path) ? obstacleTo(path, account, 'read') : undefined;
    if (obstacle === undefined) return [];
    const message = `Prosody starts xtokend, but ${describeObstacle(obstacle, account, 'read')}`;
    const place = quoted(obstacle.path);
    const fix = `chown root:${account.name} ${place} && chmod ${obstacle.kind === 'directory' ? 750 : 640} ${place}`;
    return [problem('prosody-configuration-unreadable', message, fix)];
  });
}

async function checkLpty({ env }: Situation): Promise<Finding[]> {
  const lua = findProsodyProgram(env)?.lua;
  const isThere = lua === undefined ? undefined : await hasLpty(lua, env);
  if (isThere === true) return [];
  if (lua === undefined || isThere === undefined) return [lptyUnknown];
  const message = `Prosody runs on ${lua}, which finds no lpty: the stock module cannot start a program`;
  const fix = `compile it for that Lua, as in ${documentPath('prosody-stock-module.md')}; or set authentication = "xtoken", which does not need lpty`;
  return [problem('prosody-lpty-missing', message, fix)];
}

const withArguments = {
  external_auth_command: problem(
    'prosody-command-arguments',
    'external_auth_command has arguments, which Prosody takes as part of the path',
    'set it to one path without arguments; settings of xtokend belong in its configuration',
  ),
  xtoken_command: problem(
    'prosody-command-arguments',
    'xtoken_command has arguments in the same string as the path, so Prosody takes all of it as the path',
    'write a list, such as xtoken_command = { "/usr/bin/xtokend", "--config", "FILE" }',
  ),
};

const otherProtocol = problem(
  'prosody-command-protocol',
  'external_auth_protocol is not "generic", the only protocol that works on the terminal of the stock module',
  'remove external_auth_protocol',
);

const lptyUnknown = note(
  'prosody-lpty-unknown',
  'cannot tell whether lpty is installed for the Lua of Prosody, because that is unknown; the stock module needs it',
  '`prosodyctl about` shows the Lua',
);
