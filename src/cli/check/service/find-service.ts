import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { DEFAULT_FILE } from '../../../config/locate.js';
import { readCredentials, type Credential } from './credentials.js';
import { identityOf, type Identity } from './identity.js';
import { readServiceSettings, type UnitSetting } from './settings.js';

/** The service that systemd runs xtokend as. */
export const SERVICE = 'xtokend.service';
const SOCKET = 'xtokend.socket';
const TIMEOUT_MILLISECONDS = 5000;

/** How systemd runs xtokend. */
export interface Service extends Identity {
  /** Whether systemd allocates the user at each start, unless it exists (`DynamicUser=`). */
  readonly isDynamic: boolean;
  readonly hasPrivateNetwork: boolean;
  /** What runs xtokend, up to the arguments that are for xtokend itself. */
  readonly command: readonly string[];
  /** The value of `--config` in `ExecStart=`. */
  readonly configOption: string | undefined;
  /** The configuration that it reads. */
  readonly file: string;
  readonly credentials: readonly Credential[];
  readonly settings: readonly UnitSetting[];
  /** Whether systemd has yet to read a unit file that has changed. */
  readonly isOutdated: boolean;
  /** Whether its unit or that of its socket is enabled, or has been started. */
  readonly isUsed: boolean;
}

/** What systemd says of a unit, by the names of its properties. */
export type Properties = Readonly<Record<string, string>>;

/** Finds the service. @returns `undefined` if systemd isn't running, can't be asked, or has no such unit */
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

/** Asks systemd about units. @returns their properties in the same order; none if systemd can't be asked */
export async function showUnits(units: readonly string[]): Promise<Properties[]> {
  const text = (await systemctl('show', ...units)) ?? '';
  const blocks = text === '' ? [] : text.trimEnd().split('\n\n');
  return blocks.map((block) => Object.fromEntries(block.split('\n').map(splitProperty)));
}

function splitProperty(line: string): [string, string] {
  const [name = '', value = ''] = line.split(/=(.*)/);
  return [name, value];
}

/** Runs systemctl(1). @returns what it prints, or `undefined` if it fails */
export async function systemctl(...args: readonly string[]): Promise<string | undefined> {
  try {
    const options = { timeout: TIMEOUT_MILLISECONDS, maxBuffer: 16 * 1024 * 1024 };
    return (await promisify(execFile)('systemctl', ['--no-pager', ...args], options)).stdout;
  } catch {
    return undefined;
  }
}

function isUsed({ ActiveState: state, UnitFileState: file = '' }: Properties): boolean {
  return state !== 'inactive' || !['', 'disabled'].includes(file);
}

/** Of `{ path=… ; argv[]=xtokend serve ; ignore_errors=no ; … }`, in which systemd separates arguments by spaces. */
function argumentsOf(execStart: string): string[] {
  const [, text = ''] = / argv\[\]=(.*?) ; ignore_errors=/.exec(execStart) ?? [];
  return text.split(' ');
}

/** What comes before the subcommand or the first option; Node's own options come before the program. */
function commandIn(argv: readonly string[]): string[] {
  const end = argv.findIndex(
    (argument, index) => index > 0 && /^serve$|^--(?:config|listen)\b/.test(argument),
  );
  return argv.slice(0, end === -1 ? argv.length : end);
}

function optionIn(argv: readonly string[], option: string): string | undefined {
  const index = argv.indexOf(option);
  if (index !== -1) return argv[index + 1];
  return argv.find((argument) => argument.startsWith(`${option}=`))?.slice(option.length + 1);
}
