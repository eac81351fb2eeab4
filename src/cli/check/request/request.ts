import { isActiveAt } from '../../../credential/key.js';
import { domainOf, normalizeJid } from '../../../credential/jid/jid.js';
import { mintWithKey } from '../../../credential/mint.js';
import type { Protocol } from '../../../protocol/framings.js';
import { withoutSecrets } from '../../../system/known-secrets.js';
import { readInput } from '../../shared/read-input.js';
import { UsageError } from '../../shared/usage-error.js';
import type { Situation } from '../situation.js';
import { ask, type Result } from '../sockets/ask.js';
import { checkShared } from '../sockets/shared-socket.js';
import { findSockets } from '../sockets/socket-paths.js';
import { explainRequest } from './explain-request.js';

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
  const { request, isFresh, remarks = [] } = await prepareRequest(text, situation);
  const [socket] = findSockets(situation);
  if (socket === undefined)
    throw new UsageError('there is no /run/xtokend/xtokend.sock; name a socket: --socket PATH');
  const { path } = socket;
  const result = await ask(path, protocol, request, TIMEOUT_MILLISECONDS);
  if (result.kind !== 'answered')
    return print(COULD_NOT_TELL, [`could not tell: ${describeFault(result, path, protocol)}`]);
  const { accepted, milliseconds } = result;
  const answer = `${accepted ? '1: accepted' : '0: refused'}, after ${milliseconds.toFixed(1)} ms, by ${path}`;
  const why = await explainRequest(request, accepted, isFresh, situation);
  // The chat server may be connected to another process.
  const others = checkShared(path).map(({ message, fix = '' }) => `But ${message}: ${fix}.`);
  return print(accepted ? ACCEPTED : REFUSED, [answer, ...remarks, ...why, ...others]);
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

/** A request that can be sent. */
interface PreparedRequest {
  readonly request: string;
  /** Whether the token was minted for this request, so it can't have been used before. */
  readonly isFresh: boolean;
  /** Lines to print with the answer. */
  readonly remarks?: readonly string[];
}

const EXPECTED =
  '--request: expected isuser:USER:HOST, auth:USER:HOST (with a token that is minted for it), or - to read a request from standard input';

/**
 * Makes a request from the text on the command line.
 *
 * @throws {@link UsageError} that doesn't quote the text, which may be a token
 */
async function prepareRequest(text: string, situation: Situation): Promise<PreparedRequest> {
  if (text === '-') return { request: await readRequest(), isFresh: false };
  const [operation = '', user, host, password] = text.split(':');
  if (password !== undefined && operation === 'auth') {
    throw new UsageError(
      '--request: every user could see a token here in the list of processes; give the request by standard input: --request -',
    );
  }
  if (user === undefined || host === undefined || password !== undefined) throw new UsageError(EXPECTED);
  const jid = normalizeJid(`${user}@${host}`);
  const request = `${operation}:${jid.replace('@', ':')}`;
  if (operation === 'isuser') return { request, isFresh: false };
  if (operation !== 'auth') throw new UsageError(EXPECTED);
  return addToken(jid, request, situation);
}

async function readRequest(): Promise<string> {
  const request = await readInput();
  if (request === '' || request.includes('\n')) {
    throw new UsageError('--request -: expected one line on standard input, such as auth:USER:HOST:TOKEN');
  }
  return request;
}

function addToken(jid: string, request: string, { configuration, fault, now }: Situation): PreparedRequest {
  if (configuration === undefined) throw new UsageError(fault?.message ?? EXPECTED);
  const { hosts, file } = configuration;
  // For a host that is not served, any key works: the daemon refuses the host itself.
  const keys = hosts.of(domainOf(jid))?.keys ?? hosts.keys;
  const key = keys.find((candidate) => isActiveAt(candidate, now)) ?? keys[0];
  if (key === undefined) throw new UsageError(`there is no key in ${file} to mint a token with`);
  const remark = `The token was minted for this request with the key "${key.id}" of ${file}, and is consumed now.`;
  return { request: `${request}:${mintWithKey(key, jid, now)}`, isFresh: true, remarks: [remark] };
}
