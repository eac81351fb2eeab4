import { normalizeHost } from '../../../credential/jid/prepare.js';
import { findChatServers, isMeant, mayBeAsked, type ChatServer } from '../chat-hosts.js';
import { readEjabberd, type EjabberdConfiguration, type EjabberdHost } from './configuration.js';
import { judgeEjabberdHost, type EjabberdFinding } from './host.js';
import type { Finding } from '../finding.js';
import type { Situation } from '../situation.js';

/** Looks at how each host of ejabberd authenticates its users. */
export async function checkEjabberd(situation: Situation): Promise<Finding[]> {
  const ejabberd = await readEjabberd(situation);
  if (ejabberd === undefined) return [];
  if ('fault' in ejabberd) return [unreadable(ejabberd.fault, situation)];
  const asking = ejabberd.hosts.filter(({ isExternal }) => isExternal);
  if (asking.length === 0 && !isMeant('ejabberd', situation)) return [];
  const judged = await Promise.all(
    asking.map(async (host) => ({ host, findings: await judgeEjabberdHost(host, situation) })),
  );
  const good = judged.filter(({ findings }) => !findings.some(isDoubt));
  const all = [
    ...joined(judged),
    ...(await checkOthers(ejabberd, situation)),
    ...ejabberd.unread.map(notRead),
  ];
  const ok =
    good.length > 0
      ? [
          goodHosts(
            ejabberd.file,
            good.map(({ host }) => host),
          ),
        ]
      : [];
  return [...ok, ...all.map((finding): Finding => ({ ...finding, subject: 'ejabberd' }))];
}

/** A host that can't be judged is no more called good than a broken one. */
function isDoubt({ level, code }: EjabberdFinding): boolean {
  return level === 'problem' || code === 'ejabberd-program-unknown';
}

/** What stands at the top is said once for all hosts; otherwise the hosts are named. */
function joined(
  judged: readonly { readonly host: EjabberdHost; readonly findings: readonly EjabberdFinding[] }[],
): EjabberdFinding[] {
  const unique = new Map(
    judged.flatMap(({ findings }) => findings).map((finding) => [finding.message, finding]),
  );
  return [...unique.values()].map((finding) => {
    const concerned = judged.filter(({ findings }) =>
      findings.some(({ message }) => message === finding.message),
    );
    const names = concerned.map(({ host }) => host.name).join(', ');
    const isSaid = concerned.length === judged.length || finding.message.includes(names);
    return isSaid ? finding : { ...finding, message: `${names}: ${finding.message}` };
  });
}

/** Reports hosts without external authentication: a problem if the configuration of xtokend names the host. */
async function checkOthers(
  { file, hosts, unread }: EjabberdConfiguration,
  situation: Situation,
): Promise<EjabberdFinding[]> {
  const servers = await findChatServers(situation);
  const elsewhere = servers.filter(({ kind }) => kind !== 'ejabberd');
  const others = hosts.filter(({ isExternal }) => !isExternal);
  const findings = await Promise.all(others.map((host) => describeOther(host, situation, elsewhere)));
  const isAsked = others.length < hosts.length || mayBeAsked(elsewhere) || unread.length > 0;
  if (isAsked) return findings;
  const isIntended = hosts.some(({ setting }) => setting('extauth_program') !== undefined);
  const level = situation.named.ejabberd !== undefined || isIntended ? 'problem' : 'warning';
  return [...findings, { ...silent(file), level }];
}

async function describeOther(
  { name, methods }: EjabberdHost,
  { configuration }: Situation,
  elsewhere: readonly ChatServer[],
): Promise<EjabberdFinding> {
  const key = await normalizeHost(name);
  const isNamed = key !== undefined && configuration?.hosts.names?.includes(key) === true;
  const message = `ejabberd does not ask xtokend for ${name}: there, auth_method is ${methods.join(', ')}`;
  if (!isNamed || mayBeAsked(elsewhere, key))
    return { level: 'note', code: 'ejabberd-other-method', message };
  return {
    level: 'problem',
    code: 'ejabberd-other-method',
    message: `${message}, but ${configuration.file} serves that host by name`,
    fix: `auth_method: [external], in host_config for "${name}" if that sets another`,
  };
}

function notRead(path: string): EjabberdFinding {
  return {
    level: 'note',
    code: 'ejabberd-include-not-read',
    message: `${path} is included by a relative path, which depends on where ejabberd was started: it is not read`,
    fix: 'include it by its absolute path',
  };
}

function unreadable(fault: string, situation: Situation): Finding {
  return {
    level: situation.named.ejabberd === undefined ? 'note' : 'warning',
    code: 'ejabberd-unreadable',
    subject: 'ejabberd',
    message: fault,
    fix: 'run this as root, or name another file: --ejabberd FILE',
  };
}

function silent(file: string): EjabberdFinding {
  const message = `no host in ${file} asks a program`;
  return { level: 'warning', code: 'ejabberd-not-configured', message, fix: 'auth_method: [external]' };
}

function goodHosts(file: string, hosts: readonly EjabberdHost[]): Finding {
  const names = hosts.map(({ name }) => name).join(', ');
  const message = `${file} asks xtokend for ${names}, and has no cache in between`;
  return { level: 'ok', code: 'ejabberd-ok', subject: 'ejabberd', message };
}
