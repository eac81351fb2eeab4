import { findAccount } from '../accounts.js';
import { findChatServers, isMeant, mayBeAsked, type ChatServer } from '../chat-hosts.js';
import type { Finding } from '../finding.js';
import { checkProsodyAccess } from './access.js';
import { checkProsodyCommand } from './command.js';
import { readProsody, type ProsodyConfiguration, type ProsodyHost } from './configuration.js';
import { checkActivation, checkComputed, checkOtherHosts, checkUnservedHosts } from './hosts.js';
import { checkProsodyModule } from './module.js';
import { checkProsodyTerminal } from './terminal.js';
import { namesOf, wayOf, type HostFinding } from './provider.js';
import type { Situation } from '../situation.js';

const DEFAULT_USER = 'prosody';
/** Settings that are of use only if a host asks xtokend, or another program. */
const OURS = ['xtoken_socket', 'xtoken_timeout', 'external_auth_command'];

/** Looks at how each host of Prosody authenticates its users: by our module, by the stock one, or without xtokend. */
export async function checkProsody(situation: Situation): Promise<Finding[]> {
  const prosody = readProsody(situation);
  if (prosody === undefined) return [];
  if ('fault' in prosody) return [unreadable(prosody.fault, situation)];
  const asking = prosody.hosts.filter((host) => ['module', 'command'].includes(wayOf(host)));
  if (asking.length === 0 && !isMeant('prosody', situation)) return [];
  const findings = await judgeHosts(prosody, asking, situation);
  const doubtful = findings.filter(isDoubt).flatMap(({ hosts }) => hosts);
  const good = asking.filter((host) => !doubtful.includes(host));
  return [
    ...(good.length > 0 ? [goodHosts(prosody.file, good)] : []),
    ...findings.map(({ finding }) => finding),
    ...checkProsodyTerminal(prosody, asking),
  ];
}

/** A host that can't be judged is no more called good than a broken one. */
function isDoubt({ finding: { level, code } }: HostFinding): boolean {
  return level === 'problem' || code === 'prosody-computed' || code === 'prosody-command-unknown';
}

async function judgeHosts(
  prosody: ProsodyConfiguration,
  asking: readonly ProsodyHost[],
  situation: Situation,
): Promise<HostFinding[]> {
  const account = findAccount(prosodyUser(prosody));
  const known = prosody.hosts.filter((host) => wayOf(host) !== 'computed');
  const elsewhere = (await findChatServers(situation)).filter(({ kind }) => kind !== 'prosody');
  const isAskedElsewhere = (host: string): boolean => mayBeAsked(elsewhere, host);
  const stock = asking.filter((host) => wayOf(host) === 'command');
  const command = await checkProsodyCommand(asking, account, situation);
  const modules = checkProsodyModule(prosody, known, account, situation);
  // A misspelt provider is said to be that, and not another one.
  const misspelt = modules.filter(({ finding }) => finding.level === 'problem').flatMap(({ hosts }) => hosts);
  const others = known.filter(
    (host) => wayOf(host) === 'other' && host.name !== undefined && !misspelt.includes(host),
  );
  return [
    ...modules,
    ...command.map((finding) => ({ finding, hosts: stock })),
    ...(await checkUnservedHosts(prosody, asking, situation)),
    ...checkProsodyAccess(prosody, asking),
    ...checkComputed(prosody, prosody.hosts),
    ...checkActivation(prosody),
    ...(await checkOtherHosts(others, situation, isAskedElsewhere)),
    ...checkAnyAsks(prosody, situation, elsewhere),
  ];
}

/** Unless another server asks, or a host may do so that can't be judged. */
function checkAnyAsks(
  { file, hosts, unread }: ProsodyConfiguration,
  { named }: Situation,
  elsewhere: readonly ChatServer[],
): HostFinding[] {
  const mayAsk = unread.length > 0 || hosts.some((host) => wayOf(host) !== 'other');
  if (mayAsk || mayBeAsked(elsewhere)) return [];
  const isIntended = hosts.some(({ value }) => OURS.some((setting) => value(setting) !== undefined));
  const level = named.prosody !== undefined || isIntended ? 'problem' : 'warning';
  return [{ finding: { ...silent(file), level }, hosts: [] }];
}

/** @returns the name of the user that Prosody runs as */
export function prosodyUser({ global }: ProsodyConfiguration): string {
  const user = global('prosody_user');
  return typeof user === 'string' ? user : DEFAULT_USER;
}

function unreadable(fault: string, { named }: Situation): Finding {
  return {
    level: named.prosody === undefined ? 'note' : 'warning',
    code: 'prosody-unreadable',
    subject: 'prosody',
    message: fault,
    fix: 'run this as root, or name another file: --prosody FILE',
  };
}

function silent(file: string): Finding {
  return {
    level: 'warning',
    code: 'prosody-not-configured',
    subject: 'prosody',
    message: `no host in ${file} asks xtokend`,
    fix: 'authentication = "xtoken" below a VirtualHost does that',
  };
}

function goodHosts(file: string, hosts: readonly ProsodyHost[]): Finding {
  const ways = [
    ['module', 'by mod_auth_xtoken'],
    ['command', 'by external_auth_command'],
  ] as const;
  const parts = ways
    .map(([way, text]) => ({ asking: hosts.filter((host) => wayOf(host) === way), text }))
    .filter(({ asking }) => asking.length > 0)
    .map(({ asking, text }) => `${namesOf(asking)} ${text}`);
  return {
    level: 'ok',
    code: 'prosody-ok',
    subject: 'prosody',
    message: `${file} asks xtokend for ${parts.join('; ')}`,
  };
}
