import { describeOther, isAskedElsewhere, isSelected, notConfigured, unreadable } from '../chat-servers.js';
import { findings, type Finding } from '../finding.js';
import type { Situation } from '../situation.js';
import type { EjabberdConfiguration, EjabberdHost } from './configuration.js';
import { checkEjabberdHost } from './host.js';

const { ok, note } = findings('ejabberd');

/** A host that asks xtokend. */
interface CheckedHost {
  readonly name: string;
  readonly findings: readonly Finding[];
}

/** Checks how each host of ejabberd authenticates its users. */
export async function checkEjabberd(situation: Situation): Promise<Finding[]> {
  const { configuration: ejabberd, fault } = situation.ejabberd;
  if (fault !== undefined) return [unreadable('ejabberd', fault, situation)];
  if (ejabberd === undefined) return [];
  const asking = ejabberd.hosts.filter(({ isExternal }) => isExternal);
  if (asking.length === 0 && !isSelected('ejabberd', situation)) return [];
  const checked = await Promise.all(
    asking.map(async (host) => ({ name: host.name, findings: await checkEjabberdHost(host, situation) })),
  );
  const others = ejabberd.hosts.filter(({ isExternal }) => !isExternal);
  return [
    ...describeValid(ejabberd.file, checked),
    ...merged(checked),
    ...(await Promise.all(others.map((host) => describeHost(host, situation)))),
    ...checkAnyAsks(ejabberd, situation),
    ...ejabberd.unread.map((path) =>
      note(
        'ejabberd-include-not-read',
        `${path} was not read, because its path is relative to the directory in which ejabberd was started`,
        'include it with its absolute path',
      ),
    ),
  ];
}

function describeValid(file: string, checked: readonly CheckedHost[]): Finding[] {
  // A host that cannot be checked is not reported as `ok`.
  const isDoubtful = ({ level, code }: Finding): boolean =>
    level === 'problem' || code === 'ejabberd-program-unknown';
  const valid = checked.filter((host) => !host.findings.some(isDoubtful)).map(({ name }) => name);
  if (valid.length === 0) return [];
  return [ok('ejabberd-ok', `${file} asks xtokend for ${valid.join(', ')}, without a cache`)];
}

/** Merges equal findings of several hosts, and names the hosts unless the finding applies to all. */
function merged(checked: readonly CheckedHost[]): Finding[] {
  const unique = new Map(
    checked.flatMap((host) => host.findings).map((finding) => [finding.message, finding]),
  );
  return [...unique.values()].map((finding) => {
    const hosts = checked.filter((host) => host.findings.some(({ message }) => message === finding.message));
    const names = hosts.map(({ name }) => name).join(', ');
    const isClear = hosts.length === checked.length || finding.message.includes(names);
    return isClear ? finding : { ...finding, message: `${names}: ${finding.message}` };
  });
}

function describeHost({ name, methods }: EjabberdHost, situation: Situation): Promise<Finding> {
  const fix = `auth_method: [external], in host_config for "${name}" if that sets another`;
  return describeOther('ejabberd', name, `auth_method is ${methods.join(', ')}`, fix, situation);
}

/** Reports that no host asks xtokend, unless another server does, or a host in a file that was not read may do so. */
function checkAnyAsks({ file, hosts, unread }: EjabberdConfiguration, situation: Situation): Finding[] {
  const mayAsk = unread.length > 0 || hosts.some(({ isExternal }) => isExternal);
  if (mayAsk || isAskedElsewhere('ejabberd', situation)) return [];
  const isIntended = hosts.some(({ setting }) => setting('extauth_program') !== undefined);
  return [notConfigured('ejabberd', file, isIntended, 'auth_method: [external]', situation)];
}
