import { isAskedElsewhere, isSelected, notConfigured, unreadable } from '../chat-servers.js';
import { findings, type Finding } from '../finding.js';
import { findAccount } from '../machine/accounts.js';
import type { Situation } from '../situation.js';
import { checkProsodyCommand } from './command.js';
import type { ProsodyConfiguration, ProsodyHost } from './configuration.js';
import { namesOf, type HostFinding } from './host-finding.js';
import { checkActivation, checkComputed, checkOtherHosts, checkUnservedHosts } from './hosts.js';
import { checkLoginMethods } from './login-methods.js';
import { checkProsodyModule } from './module.js';
import { checkStarted } from './started/check-started.js';
import { checkSecondDaemon } from './started/second-daemon.js';
import { checkProsodyTerminal } from './terminal.js';

const { ok } = findings('prosody');

/** Settings that have an effect only if a host asks xtokend, or another program. */
const OURS = ['xtoken_socket', 'xtoken_command', 'xtoken_timeout', 'external_auth_command'];

/** Checks how each host of Prosody authenticates its users: with our module, with the stock one, or without xtokend. */
export async function checkProsody(situation: Situation): Promise<Finding[]> {
  const { configuration: prosody, fault } = situation.prosody;
  if (fault !== undefined) return [unreadable('prosody', fault, situation)];
  if (prosody === undefined) return [];
  const asking = prosody.hosts.filter(({ authentication }) =>
    ['xtoken', 'external'].includes(authentication),
  );
  if (asking.length === 0 && !isSelected('prosody', situation)) return [];
  const stock = asking.filter(({ authentication }) => authentication === 'external');
  const found = await checkHosts(prosody, asking, stock, situation);
  const doubtful = found.filter(isDoubtful).flatMap(({ hosts }) => hosts);
  return [
    ...describeValid(
      prosody.file,
      asking.filter((host) => !doubtful.includes(host)),
      situation,
    ),
    ...found.map(({ finding }) => finding),
    ...checkAnyAsks(prosody, situation),
    ...checkProsodyTerminal(prosody, stock),
    ...(await checkSecondDaemon(situation)),
  ];
}

/** A host that cannot be checked is not reported as `ok`. */
function isDoubtful({ finding: { level, code } }: HostFinding): boolean {
  return level === 'problem' || code === 'prosody-computed' || code === 'prosody-command-unknown';
}

async function checkHosts(
  prosody: ProsodyConfiguration,
  asking: readonly ProsodyHost[],
  stock: readonly ProsodyHost[],
  situation: Situation,
): Promise<HostFinding[]> {
  const account = findAccount(prosody.user);
  const known = prosody.hosts.filter(({ authentication }) => authentication !== 'computed');
  const command = await checkProsodyCommand(stock, account, situation);
  const modules = checkProsodyModule(prosody, known, account, situation);
  // A misspelt provider gets no second finding as another provider.
  const misspelt = modules.filter(({ finding }) => finding.level === 'problem').flatMap(({ hosts }) => hosts);
  const others = known.filter(
    (host) => host.authentication === 'other' && host.name !== undefined && !misspelt.includes(host),
  );
  return [
    ...modules,
    ...command.map((finding) => ({ finding, hosts: stock })),
    ...checkStarted(
      asking.filter((host) => !stock.includes(host)),
      situation,
    ),
    ...(await checkUnservedHosts(prosody, asking, situation)),
    ...checkLoginMethods(prosody, asking),
    ...checkComputed(prosody),
    ...checkActivation(prosody),
    ...(await checkOtherHosts(others, situation)),
  ];
}

/** Reports that no host asks xtokend, unless another server does, or a host that cannot be checked may do so. */
function checkAnyAsks({ file, hosts, unread }: ProsodyConfiguration, situation: Situation): Finding[] {
  const mayAsk = unread.length > 0 || hosts.some(({ authentication }) => authentication !== 'other');
  if (mayAsk || isAskedElsewhere('prosody', situation)) return [];
  const isIntended = hosts.some(({ value }) => OURS.some((setting) => value(setting) !== undefined));
  const fix = 'set authentication = "xtoken" below a VirtualHost';
  return [notConfigured('prosody', file, isIntended, fix, situation)];
}

function describeValid(file: string, hosts: readonly ProsodyHost[], { started }: Situation): Finding[] {
  const isStarted = (host: ProsodyHost): boolean => started?.hosts.includes(host) === true;
  const isOurs = ({ authentication }: ProsodyHost): boolean => authentication === 'xtoken';
  const parts = [
    { text: 'with mod_auth_xtoken', of: (host: ProsodyHost) => isOurs(host) && !isStarted(host) },
    { text: 'with mod_auth_xtoken, which starts xtokend', of: isStarted },
    { text: 'with external_auth_command', of: (host: ProsodyHost) => !isOurs(host) },
  ].flatMap(({ text, of }) => {
    const asking = hosts.filter(of);
    return asking.length === 0 ? [] : `${namesOf(asking)} ${text}`;
  });
  return parts.length === 0 ? [] : [ok('prosody-ok', `${file} asks xtokend for ${parts.join('; ')}`)];
}
