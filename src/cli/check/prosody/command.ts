import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { obstacleTo } from '../access.js';
import type { Account } from '../accounts.js';
import type { Finding } from '../finding.js';
import { describeObstacle } from '../describe-obstacle.js';
import type { ProsodyHost } from './configuration.js';
import { findProsodyProgram, hasLpty } from './program.js';
import { wayOf } from './provider.js';
import { quoted } from '../../../quoted.js';
import type { Situation } from '../situation.js';

const GENERIC = 'generic';

/** Looks at what the stock module needs: a program that can be run, what that reads, and lpty. */
export async function checkProsodyCommand(
  hosts: readonly ProsodyHost[],
  account: Account | undefined,
  situation: Situation,
): Promise<Finding[]> {
  const stock = hosts.filter((host) => wayOf(host) === 'command');
  if (stock.length === 0) return [];
  const known = stock.filter(({ isComputed }) => !isComputed('external_auth_command'));
  const commands = new Set(known.map(({ setting }) => setting('external_auth_command') ?? ''));
  const protocols = new Set(stock.map(({ setting }) => setting('external_auth_protocol') ?? GENERIC));
  return [
    ...[...commands].flatMap((command) => checkCommand(command, account)),
    ...[...protocols].filter((protocol) => protocol !== GENERIC).map(wrongProtocol),
    ...checkFiles(situation, account),
    ...(await checkLpty(situation)),
  ];
}

/** It is one path to execve(2): no arguments, no PATH, no shell. */
function checkCommand(command: string, account: Account | undefined): Finding[] {
  if (/\s/.test(command) && !existsSync(command)) return [withArguments];
  const fault = faultOf(command, account);
  if (fault === undefined) return isXtokend(command) ? [] : [otherProgram(command)];
  const message = `external_auth_command cannot be run: ${fault}`;
  const fix = '`command -v xtokend` prints the path that is to stand there';
  return [problem('prosody-command-unusable', message, fix)];
}

function faultOf(command: string, account: Account | undefined): string | undefined {
  if (command === '') return 'it is missing';
  if (!isAbsolute(command)) return `expected an absolute path, found ${quoted(command)}`;
  if (!existsSync(command)) return `there is no ${command}`;
  if (!statSync(command).isFile()) return `${command} is not a file`;
  if ((statSync(command).mode & 0o111) === 0) return `${command} is not executable`;
  const obstacle = account && obstacleTo(command, account, 'execute');
  return account && obstacle && describeObstacle(obstacle, account, 'run');
}

/** By its name, or by that of the file that it is a link to. */
function isXtokend(command: string): boolean {
  return [command, realpathSync(command)].some((path) => basename(path).includes('xtokend'));
}

/** What Prosody starts reads the configuration as Prosody's user. */
function checkFiles({ configuration, file }: Situation, account: Account | undefined): Finding[] {
  if (account === undefined) return [];
  return [...new Set([file, ...(configuration?.secretFiles ?? [])])].flatMap((path) => {
    const obstacle = existsSync(path) ? obstacleTo(path, account, 'read') : undefined;
    if (obstacle === undefined) return [];
    const message = `Prosody starts xtokend, but ${describeObstacle(obstacle, account, 'read')}`;
    const fix = `chown root:${account.name} ${quoted(obstacle.path)} && chmod ${obstacle.kind === 'directory' ? 750 : 640} ${quoted(obstacle.path)}`;
    return [problem('prosody-configuration-unreadable', message, fix)];
  });
}

async function checkLpty({ env }: Situation): Promise<Finding[]> {
  const lua = findProsodyProgram(env)?.lua;
  const isThere = lua === undefined ? undefined : await hasLpty(lua, env);
  if (isThere === true) return [];
  if (lua === undefined || isThere === undefined) return [unknown];
  const message = `Prosody runs on ${lua}, which finds no lpty: the stock module cannot start anything`;
  const fix =
    'compile it for that Lua, as docs/prosody-stock-module.md says; or take authentication = "xtoken", which needs none';
  return [problem('prosody-lpty-missing', message, fix)];
}

// They are not repeated: somebody may have put a secret there.
const withArguments = problem(
  'prosody-command-arguments',
  'external_auth_command has arguments, and Prosody takes them for a part of the path',
  'one path and nothing else; what xtokend is to know stands in its configuration',
);

function otherProgram(command: string): Finding {
  return {
    level: 'note',
    code: 'prosody-command-unknown',
    subject: 'prosody',
    message: `external_auth_command is ${quoted(command)}; whether that runs xtokend is unknown`,
    fix: 'for xtokend, `command -v xtokend` prints the path that is to stand there',
  };
}

/** No value is repeated: somebody may have put a secret there. */
function wrongProtocol(): Finding {
  return problem(
    'prosody-command-protocol',
    'external_auth_protocol is not "generic", which is all that works on the terminal of the stock module',
    'remove external_auth_protocol',
  );
}

const unknown: Finding = {
  level: 'note',
  code: 'prosody-lpty-unknown',
  subject: 'prosody',
  message: 'the stock module needs lpty for the Lua of Prosody; which Lua that is cannot be told',
  fix: '`prosodyctl about` names the Lua',
};

function problem(code: Finding['code'], message: string, fix: string): Finding {
  return { level: 'problem', code, subject: 'prosody', message, fix };
}
