import { existsSync } from 'node:fs';
import { DEFAULT_FILE } from '../../../config/locate.js';
import { findGroup, nameOfGroup } from '../../../system/accounts.js';
import { isDynamicUser } from '../configuration/trusted-users.js';
import { findAccount, type Account } from '../machine/accounts.js';
import { runProgram } from '../machine/run-program.js';
import { readCredentials, readServiceSettings, type Credential, type UnitSetting } from './unit-settings.js';

/** The service that systemd runs xtokend as. */
export const SERVICE = 'xtokend.service';
/** The socket of that service. */
export const SOCKET = 'xtokend.socket';

/** How systemd runs xtokend. */
export interface Service {
  /** Its user, with all groups of its process. */
  readonly account: Account;
  /**
   * The group to which files for it can be given. `undefined` if systemd allocates user and group at each start (`DynamicUser=`), or does
   * not know the user.
   */
  readonly group: string | undefined;
  /** Whether systemd allocates the user at each start, unless it exists (`DynamicUser=`). */
  readonly isDynamic: boolean;
  readonly hasPrivateNetwork: boolean;
  /** The command that runs xtokend, without xtokend's own arguments. */
  readonly command: readonly string[];
  /** The value of `--config` in `ExecStart=`. */
  readonly configOption: string | undefined;
  /** The configuration that it reads. */
  readonly file: string;
  readonly credentials: readonly Credential[];
  readonly settings: readonly UnitSetting[];
  /** Whether a unit file has changed since systemd read it. */
  readonly isOutdated: boolean;
  /** Whether its unit or that of its socket is enabled, or has been started. */
  readonly isUsed: boolean;
}

/** The properties of a unit, by their names. */
export type Properties = Readonly<Record<string, string>>;

/** Finds the service. Returns `undefined` if systemd does not run, does not answer, or has no such unit. */
export async function findService(): Promise<Service | undefined> {
  // sd_booted(3).
  if (!existsSync('/run/systemd/system')) return undefined;
  const [service, socket] = await showUnits([SERVICE, SOCKET]);
  if (service?.['LoadState'] !== 'loaded' || socket === undefined) return undefined;
  const settings = readServiceSettings((await systemctl('cat', SERVICE)) ?? '');
  const argv = argumentsOf(service['ExecStart'] ?? '');
  const configOption = optionIn(argv, '--config');
  const [, variable] = /(?:^|\s|")XTOKEND_CONFIG=([^\s"]+)/.exec(service['Environment'] ?? '') ?? [];
  return {
    ...identityOf(service),
    isDynamic: service['DynamicUser'] === 'yes',
    hasPrivateNetwork: service['PrivateNetwork'] === 'yes',
    command: commandIn(argv),
    configOption,
    file: configOption ?? variable ?? DEFAULT_FILE,
    credentials: readCredentials(settings),
    settings,
    isOutdated: service['NeedDaemonReload'] === 'yes',
    isUsed: isUsed(service) || isUsed(socket),
  };
}

/** No file belongs to it: the modes for other users apply. */
const NO_ID = -1;

/** Finds the user and groups of a service (systemd.exec(5), `User=`, `Group=`, `SupplementaryGroups=`). */
function identityOf(service: Properties): Pick<Service, 'account' | 'group'> {
  const { User: user, Group: group, DynamicUser: dynamic, SupplementaryGroups: more = '' } = service;
  const name = user === undefined || user === '' ? 'root' : user;
  const supplementary = more.split(' ').flatMap((entry) => gidOf(entry) ?? []);
  const account = findAccount(name);
  // With DynamicUser= systemd uses a user that exists as it is.
  const isAllocated = dynamic === 'yes' && (account === undefined || isDynamicUser(account.uid));
  if (account === undefined || isAllocated)
    return { account: { name, uid: NO_ID, gids: supplementary }, group: undefined };
  const [own = 0, ...others] = account.gids;
  const gid = gidOf(group ?? '') ?? own;
  return { account: { ...account, gids: [gid, ...others, ...supplementary] }, group: nameOfGroup(gid) };
}

function gidOf(group: string): number | undefined {
  if (/^\d+$/.test(group)) return Number(group);
  return group === '' ? undefined : findGroup(group);
}

/** Returns the properties of units, in the same order; none if systemd does not answer. */
export async function showUnits(units: readonly string[]): Promise<Properties[]> {
  const text = (await systemctl('show', ...units)) ?? '';
  const blocks = text === '' ? [] : text.trimEnd().split('\n\n');
  return blocks.map((block) => Object.fromEntries(block.split('\n').map(splitProperty)));
}

/** Runs systemctl(1). Returns its output, or `undefined` if it fails. */
export function systemctl(...args: readonly string[]): Promise<string | undefined> {
  return runProgram('systemctl', ['--no-pager', ...args]);
}

function splitProperty(line: string): [string, string] {
  const [name = '', value = ''] = line.split(/=(.*)/);
  return [name, value];
}

function isUsed({ ActiveState: state, UnitFileState: file = '' }: Properties): boolean {
  return state !== 'inactive' || !['', 'disabled'].includes(file);
}

/** Reads `{ path=… ; argv[]=xtokend serve ; ignore_errors=no ; … }`, in which systemd separates arguments by spaces. */
function argumentsOf(execStart: string): string[] {
  const [, text = ''] = / argv\[\]=(.*?) ; ignore_errors=/.exec(execStart) ?? [];
  return text.split(' ');
}

/** Returns the words before the subcommand or the first option; Node's own options come before the program. */
function commandIn(argv: readonly string[]): string[] {
  const end = argv.findIndex(
    (argument, index) => index > 0 && /^serve$|^--(?:config|listen)\b/.test(argument),
  );
  return argv.slice(0, end === -1 ? argv.length : end);
}

/** Returns the value of an option in a command, such as `--config FILE` or `--config=FILE`. */
export function optionIn(argv: readonly string[], option: string): string | undefined {
  const index = argv.indexOf(option);
  if (index !== -1) return argv[index + 1];
  return argv.find((argument) => argument.startsWith(`${option}=`))?.slice(option.length + 1);
}
