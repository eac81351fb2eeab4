import { withoutSecrets } from '../../../system/known-secrets.js';
import type { Protocol } from '../../../protocol/framings.js';
import { UsageError } from '../../shared/usage-error.js';
import type { Situation } from '../situation.js';
import { ask, type Result } from '../sockets/ask.js';
import { checkShared } from '../sockets/shared-socket.js';
import { findSockets } from '../sockets/socket-paths.js';
import { explainRequest } from './explain-request.js';
import { prepareRequest } from './prepare-request.js';

const ACCEPTED = 0;
const REFUSED = 1;
const COULD_NOT_TELL = 2;
const TIMEOUT_MILLISECONDS = 5000;

/**
 * `xtokend check --request`: sends a request to a running daemon, as a chat server does, and prints the answer and its reason.
 *
 * @param text the request on the command line, without a password, or `-`
 * @returns the exit code
 */
export async function checkRequest(text: string, protocol: Protocol, situation: Situation): Promise<number> {
  const prepared = await prepareRequest(text, situation);
  const [socket] = findSockets(situation);
  if (socket === undefined)
    throw new UsageError('there is no /run/xtokend/xtokend.sock; name a socket: --socket PATH');
  const { path } = socket;
  const result = await ask(path, protocol, prepared.request, TIMEOUT_MILLISECONDS);
  if (result.kind !== 'answered')
    return print(COULD_NOT_TELL, [`could not tell: ${describeFault(result, path, protocol)}`]);
  const { accepted, milliseconds } = result;
  const answer = `${accepted ? '1: accepted' : '0: refused'}, after ${milliseconds.toFixed(1)} ms, by ${path}`;
  const why = await explainRequest(prepared.request, accepted, prepared.isFresh, situation);
  // The chat server may be connected to another process.
  const others = checkShared(path).map(({ message, fix = '' }) => `But ${message}: ${fix}.`);
  return print(accepted ? ACCEPTED : REFUSED, [answer, ...prepared.remarks, ...why, ...others]);
}

function print(exitCode: number, lines: readonly string[]): number {
  process.stdout.write(withoutSecrets(lines.map((line) => `${line}\n`).join('')));
  return exitCode;
}

function describeFault(
  result: Exclude<Result, { kind: 'answered' }>,
  path: string,
  protocol: Protocol,
): string {
  const other = protocol === 'generic' ? 'ejabberd' : 'generic';
  switch (result.kind) {
    case 'silent':
      return `no answer on ${path} within 5 s. Does that socket have the other protocol (--protocol ${other})? Otherwise xtokend hangs: see its log, and restart it`;
    case 'closed':
      return `${path} was closed without an answer: xtokend is being stopped, or has reached its connection limit`;
    case 'unexpected':
      return `the process that listens on ${path} is not xtokend, or does not use --protocol ${protocol}; try --protocol ${other}`;
    case 'unreachable':
      return `${path}: ${connectErrors[result.code] ?? result.code}`;
  }
}

const connectErrors: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket; start xtokend, or name another: --socket PATH',
  ECONNREFUSED: 'no process listens there; the xtokend that created it has ended: start it again',
  EACCES: 'this user may not connect; run this as root, or as a member of its group',
  ENOTSOCK: 'that is not a socket; name another: --socket PATH',
};
