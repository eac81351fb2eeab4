import { lstatSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DEFAULT_FILE } from '../../../../config/locate.js';
import { quoted } from '../../../../quoted.js';
import { nameOfGroup } from '../../../../system/accounts.js';
import { findings, type Finding } from '../../finding.js';
import { attempt, describeObstacle, obstacleTo, type Obstacle } from '../../machine/access.js';
import type { Account } from '../../machine/accounts.js';
import { findNode } from '../../machine/node.js';
import type { Situation } from '../../situation.js';
import { checkCommand } from '../command.js';
import type { ProsodyHost } from '../configuration.js';
import { forHosts, namesOf, type HostFinding } from '../host-finding.js';
import { COMPUTED } from '../lua.js';
import { connectionOf, DEFAULT_SOCKET, isLauncher, type StartedDaemon } from './started-daemon.js';
import { checkStateDirectory } from './state-directory.js';

const { note, warning, problem } = findings('prosody');

/**
 * Checks the requirements of the xtokend that our module starts: a program, files and directories that Prosody's user can use.
 *
 * @param hosts the hosts that use our module
 */
export function checkStarted(hosts: readonly ProsodyHost[], situation: Situation): HostFinding[] {
  const { started, prosody } = situation;
  const found = [...checkPrecedence(hosts), ...checkIgnored(hosts)];
  if (started === undefined) return found;
  const { account, directory } = started;
  const program = checkProgram(started);
  const isOptionsUnknown = program.some(({ code }) => code === 'prosody-command-arguments');
  const isComputed = prosody.configuration?.global('data_path') === COMPUTED;
  return [
    ...found,
    ...checkDifferent(started),
    ...[
      ...program,
      ...(account === undefined || isOptionsUnknown ? [] : checkFiles(started, account, situation)),
      ...(program.some(({ level }) => level === 'problem') ? [] : checkOtherFile(started, situation)),
      ...(account === undefined || directory === undefined
        ? []
        : checkStateDirectory(directory, account, situation)),
      ...(isComputed ? [computedData] : []),
    ].map((finding) => ({ finding, hosts: started.hosts })),
  ];
}

function checkPrecedence(hosts: readonly ProsodyHost[]): HostFinding[] {
  const both = hosts.filter(
    ({ value }) => value('xtoken_socket') !== undefined && value('xtoken_command') !== undefined,
  );
  const message = `both xtoken_socket and xtoken_command are set for ${namesOf(both)}: Prosody connects to the socket, and starts no xtokend`;
  return forHosts(both, note('prosody-command-ignored', message, 'remove the one that you do not need'));
}

/** Reports a command of the stock module that ours does not run. */
function checkIgnored(hosts: readonly ProsodyHost[]): HostFinding[] {
  const ignored = hosts.filter((host) => {
    const { value } = host;
    const isOther = [value('xtoken_socket'), value('xtoken_command')].every((text) => text === undefined);
    return isOther && value('external_auth_command') !== undefined && connectionOf(host).kind === 'socket';
  });
  const message = `external_auth_command of ${namesOf(ignored)} is not the program xtokend, so mod_auth_xtoken does not run it, and connects to ${DEFAULT_SOCKET}`;
  const fix =
    'set xtoken_command to the path that `command -v xtokend` prints, or remove external_auth_command';
  return forHosts(ignored, note('prosody-command-ignored', message, fix));
}

function checkDifferent({ hosts, setting }: StartedDaemon): HostFinding[] {
  const commands = hosts.map((host) => JSON.stringify(connectionOf(host)));
  if (new Set(commands).size < 2) return [];
  const message = `${namesOf(hosts)} have different commands, but Prosody starts one xtokend for all of them`;
  const fix = `set ${setting} once, above the first VirtualHost`;
  return forHosts(hosts, warning('prosody-command-differs', message, fix));
}

function checkProgram({ setting, command: [program = ''], account }: StartedDaemon): Finding[] {
  const found = checkCommand(setting, program, account);
  if (found.length > 0 || account === undefined || !isLauncher(program)) return found;
  const files = [
    [program, 'read'],
    [join(dirname(realpathSync(program)), '../dist/xtokend.cjs'), 'read'],
    [findNode() ?? '', 'execute'],
  ] as const;
  const obstacles = files.flatMap(([path, permission]) => {
    const obstacle = path === '' ? undefined : obstacleTo(path, account, permission);
    if (obstacle === undefined || obstacle.kind === 'unknown') return [];
    return describeObstacle(obstacle, account, permission === 'read' ? 'read' : 'run');
  });
  const fix = 'install Node.js and xtokend for all users, outside of home directories';
  return [...new Set(obstacles)].map((obstacle) =>
    problem('prosody-command-unusable', `${setting} cannot be run: ${obstacle}`, fix),
  );
}

/** Checks the files that the configuration names as well, unless the check is for another configuration. */
function checkFiles(started: StartedDaemon, account: Account, situation: Situation): Finding[] {
  const { file, isFileNamed } = started;
  const isSame = isChecked(started, situation);
  const found = [...new Set([file, ...(isSame ? situation.files : [])])].flatMap((path) => {
    const obstacle = obstacleTo(path, account, 'read');
    // Other checks report files that are missing, and Prosody's environment can name another one than the default.
    if (obstacle === undefined || obstacle.kind === 'unknown') return [];
    if (obstacle.kind === 'missing' && (isSame || !isFileNamed)) return [];
    const message = `Prosody starts xtokend, but ${describeObstacle(obstacle, account, 'read')}`;
    const isSecret = path === file || situation.secretFiles.includes(path);
    return [problem('prosody-configuration-unreadable', message, fixOf(obstacle, account, file, isSecret))];
  });
  // Several files can have the same directory above them.
  return [...new Map(found.map((finding) => [finding.message, finding])).values()];
}

function fixOf(
  { kind, path }: Obstacle,
  { gids: [gid = 0] }: Account,
  file: string,
  isSecret: boolean,
): string {
  const group = nameOfGroup(gid);
  const place = quoted(path);
  const config = file === DEFAULT_FILE ? '' : ` --config ${quoted(file)}`;
  // `xtokend init` follows no link.
  const isRegular = attempt(() => lstatSync(file).isFile()) !== false;
  if (path === file && isRegular) return `xtokend init --group ${quoted(group)}${config}`;
  if (kind === 'directory') return `chown root:${group} ${place} && chmod 750 ${place}`;
  return isSecret ? `chown root:${group} ${place} && chmod 640 ${place}` : `chmod o+r ${place}`;
}

function checkOtherFile(started: StartedDaemon, situation: Situation): Finding[] {
  if (isChecked(started, situation)) return [];
  const { file } = situation;
  const unless = started.isFileNamed ? '' : ', unless $XTOKEND_CONFIG of Prosody names another file';
  const message = `the xtokend that Prosody starts uses ${started.file}${unless}, and this check is for ${file}`;
  const [program = ''] = started.command;
  const fix = `check without --config; or xtoken_command = { "${program}", "--config", "${resolve(file)}" }`;
  return [note('prosody-other-configuration', message, fix)];
}

function isChecked(started: StartedDaemon, { file }: Situation): boolean {
  return resolve(file) === started.file;
}

const computedData = note(
  'prosody-computed',
  'Lua code computes data_path, and is not run here: the directory, replay cache and socket of xtokend are unknown, and not checked',
  'name the socket: --socket DATA_PATH/xtokend/xtokend.sock',
);
