import { framings, type Protocol } from '../../protocol/framings.js';
import type { InheritedSocket } from '../../server/inherited-socket.js';
import type { Framing } from '../../protocol/framing.js';
import { UsageError } from '../usage-error.js';

/** A socket that somebody has opened for us, and how requests are written on it. */
export interface InheritedListener extends InheritedSocket {
  readonly framing: Framing;
}

/** Those of standard input, output and error come before them (sd_listen_fds(3)). */
const FIRST_DESCRIPTOR = 3;
const MAX_SOCKETS = 64;

/**
 * Takes the sockets that systemd hands over (sd_listen_fds(3)), and removes from the environment what says so: no process
 * that is started from here may think that they are meant for it.
 *
 * @param environment is changed
 * @param protocol the framing where the name of a socket says none
 * @returns none where the sockets are another process's
 * @throws {@link UsageError} where it cannot be understood
 */
export function takeInheritedListeners(
  environment: NodeJS.ProcessEnv,
  pid: number,
  protocol: Protocol,
): InheritedListener[] {
  const { LISTEN_PID: owner, LISTEN_FDS: count = '', LISTEN_FDNAMES: names } = environment;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'])
    Reflect.deleteProperty(environment, name);
  if (owner !== String(pid)) return [];
  if (!/^\d{1,3}$/.test(count) || Number(count) > MAX_SOCKETS) {
    throw new UsageError(
      `expected LISTEN_FDS to be a number of sockets up to ${MAX_SOCKETS}, found ${JSON.stringify(count)}`,
    );
  }
  const named = names?.split(':') ?? [];
  return Array.from({ length: Number(count) }, (_, index) =>
    inheritedListener(FIRST_DESCRIPTOR + index, named[index] ?? 'unknown', protocol),
  );
}

function inheritedListener(descriptor: number, name: string, otherwise: Protocol): InheritedListener {
  const protocol = protocolIn(name) ?? otherwise;
  return {
    descriptor,
    label: `systemd:${name}`,
    framing: framings[protocol],
  };
}

/** As a word of its own: in a name given by `FileDescriptorName=`, or in that of a unit such as `xtokend-ejabberd.socket`. */
function protocolIn(name: string): Protocol | undefined {
  const words = name.split(/[^a-z]+/);
  return (Object.keys(framings) as Protocol[]).find((protocol) => words.includes(protocol));
}
