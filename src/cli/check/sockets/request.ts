import type { Protocol } from '../../../protocol/framings.js';
import { withoutSecrets } from '../../../log/known-secrets.js';
import { UsageError } from '../../usage-error.js';
import { ask, type Outcome } from './ask.js';
import { explainRequest } from './explain-request.js';
import { prepareRequest } from './prepare-request.js';
import { checkShared } from './shared-socket.js';
import type { Situation } from '../situation.js';
import { findSockets } from './socket-paths.js';

const ACCEPTED = 0;
const REFUSED = 1;
const COULD_NOT_TELL = 2;
const REPLY_DEADLINE_MILLISECONDS = 5000;

/**
 * `xtokend check --request`: asks a running daemon, as a chat server does, and says what it answers and why.
 *
 * @param text what the command line says: a request without a password, or `-`
 * @returns the exit code
 */
export async function checkRequest(text: string, protocol: Protocol, situation: Situation): Promise<number> {
  const prepared = await prepareRequest(text, situation);
  const [socket] = findSockets(situation);
  if (socket === undefined)
    throw new UsageError('there is no /run/xtokend/xtokend.sock; name a socket: --socket PATH');
  const outcome = await ask(socket.path, protocol, prepared.request, REPLY_DEADLINE_MILLISECONDS);
  if (outcome.kind !== 'answered') {
    return say(COULD_NOT_TELL, [`could not tell: ${describeFault(outcome, socket.path, protocol)}`]);
  }
  const { accepted, milliseconds } = outcome;
  const answer = `${accepted ? '1: accepted' : '0: refused'}, after ${milliseconds.toFixed(1)} ms, by ${socket.path}`;
  const why = await explainRequest(prepared.request, accepted, prepared.isFresh, situation);
  // The chat server may be connected to another one.
  const rivals = checkShared(socket.path).map(({ message, fix = '' }) => `But ${message}: ${fix}.`);
  return say(accepted ? ACCEPTED : REFUSED, [answer, ...prepared.remarks, ...why, ...rivals]);
}

function say(exitCode: number, lines: readonly string[]): number {
  process.stdout.write(withoutSecrets(lines.map((line) => `${line}\n`).join('')));
  return exitCode;
}

function describeFault(
  outcome: Exclude<Outcome, { kind: 'answered' }>,
  path: string,
  protocol: Protocol,
): string {
  const other = protocol === 'generic' ? 'ejabberd' : 'generic';
  switch (outcome.kind) {
    case 'silent':
      return `no answer on ${path} within 5 s. Is that socket for the other protocol (--protocol ${other})? Otherwise xtokend hangs: its log may say why; restart it`;
    case 'closed':
      return `${path} was closed without an answer: xtokend is being stopped, or has as many connections as it takes`;
    case 'strange':
      return `what answers on ${path} is not xtokend, or not by --protocol ${protocol}; try --protocol ${other}`;
    case 'unreachable':
      return `${path}: ${reachFaults[outcome.code] ?? outcome.code}`;
  }
}

const reachFaults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket; start xtokend, or name another: --socket PATH',
  ECONNREFUSED: 'nobody answers there; the xtokend that made it is gone: start it again',
  EACCES: 'this user may not connect; run this as root, or as a member of its group',
  ENOTSOCK: 'that is no socket; name another: --socket PATH',
};
