import type { Protocol } from '../../../protocol/framings.js';
import { ask, type Outcome } from './ask.js';
import type { Situation } from '../situation.js';
import { findSockets } from './socket-paths.js';

/** How long a running daemon has for its answer. */
export const REPLY_DEADLINE_MILLISECONDS = 2000;

/** What came of a question, and the protocol in which it was asked last. */
type Asked = Outcome & { readonly protocol: Protocol };

/** Asks a daemon whether a user exists, whoever that may be: that uses up nothing, and costs a line of its log. */
export async function askDaemon(path: string, { configuration }: Situation): Promise<Asked> {
  const request = `isuser:xtokend-check:${configuration?.hosts.names?.[0] ?? 'localhost'}`;
  const generic = await ask(path, 'generic', request, REPLY_DEADLINE_MILLISECONDS);
  if (generic.kind === 'answered' || generic.kind === 'unreachable')
    return { ...generic, protocol: 'generic' };
  // The path doesn't say which framing is spoken there.
  const packets = await ask(path, 'ejabberd', request, REPLY_DEADLINE_MILLISECONDS);
  return packets.kind === 'answered'
    ? { ...packets, protocol: 'ejabberd' }
    : { ...generic, protocol: 'generic' };
}

/** Whether a daemon answers on one of its sockets. */
export async function isRunning(situation: Situation): Promise<boolean> {
  const outcomes = await Promise.all(findSockets(situation).map(({ path }) => askDaemon(path, situation)));
  return outcomes.some(({ kind }) => kind === 'answered');
}
