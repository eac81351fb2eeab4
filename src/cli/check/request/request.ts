import { isActiveAt } from '../../../credential/key.js';
import { domainOf, normalizeJid } from '../../../credential/jid/jid.js';
import { mintWithKey } from '../../../credential/mint.js';
import type { ProtocolOption } from '../../../protocol/detection.js';
import { parseRequest, type UserRequest } from '../../../protocol/request.js';
import { withoutSecrets } from '../../../system/known-secrets.js';
import { describeListeners } from '../../../system/socket-holders.js';
import { readInput } from '../../shared/read-input.js';
import { UsageError } from '../../shared/usage-error.js';
import type { Situation } from '../situation.js';
import { ask, type Result } from '../sockets/ask.js';
import { checkListeners } from '../sockets/listeners.js';
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
export async function checkRequest(
  text: string,
  protocol: ProtocolOption,
  situation: Situation,
): Promise<number> {
  const { request, isFresh, remarks = [] } = await prepareRequest(text, situation);
  const [socket] = findSockets(situation);
  if (socket === undefined)
    throw new UsageError('there is no /run/xtokend/xtokend.sock; name a socket: --socket PATH');
  const { path } = socket;
  const result = await ask(path, protocol, request, TIMEOUT_MILLISECONDS);
  if (result.kind !== 'answered')
    return print(COULD_NOT_TELL, [`no result: ${describeFault(result, path, protocol)}`]);
  const { accepted, reason, milliseconds } = result;
  const refused = reason === undefined ? 'refused' : `refused (${reason})`;
  const answer = `${accepted ? 'accepted' : refused} in ${milliseconds.toFixed(1)} ms by ${path}`;
  const why = await explainRequest(request, result, isFresh, situation);
  // The chat server may be connected to another process.
  const others = checkListeners(path, situation).map(({ message, fix = '' }) => `But ${message}: ${fix}.`);
  return print(accepted ? ACCEPTED : REFUSED, [answer, ...(accepted ? remarks : []), ...why, ...others]);
}

function print(exitCode: number, lines: readonly string[]): number {
  process.stdout.write(withoutSecrets(lines.map((line) => `${line}\n`).join('')));
  return exitCode;
}

function describeFault(
  result: Exclude<Result, { kind: 'answered' }>,
  path: string,
  protocol: ProtocolOption,
): string {
  const other = protocol === 'auto' ? '' : `, or does not use --protocol ${protocol}: leave that out`;
  switch (result.kind) {
    case 'silent':
      return `no answer on ${path} within 5 s: xtokend hangs${other}. See its log, and restart it`;
    case 'closed':
      return `${path} was closed without an answer: xtokend is being stopped, or has reached its connection limit${other}`;
    case 'unexpected':
      return `${describeListeners(path).who ?? 'the process that listens'} at ${path} is not xtokend${other}`;
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
  readonly request: UserRequest;
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
      '--request: every user could see a token or a password here in the list of processes; give the request by standard input: --request -',
    );
  }
  if (user === undefined || host === undefined || password !== undefined) throw new UsageError(EXPECTED);
  const jid = normalizeJid(`${user}@${host}`);
  if (operation === 'auth') return mintRequest(jid, situation);
  if (operation !== 'isuser') throw new UsageError(EXPECTED);
  return { request: { operation, ...partsOf(jid) }, isFresh: false };
}

async function readRequest(): Promise<UserRequest> {
  const request = parseRequest(Buffer.from(await readInput()), 'check');
  if (request.operation === 'auth' || request.operation === 'isuser') return request;
  throw new UsageError(
    '--request -: expected one line on standard input: auth:USER:HOST:TOKEN or isuser:USER:HOST; a password can be in place of the token',
  );
}

/** Returns the user and the host of a normalized JID. */
function partsOf(jid: string): { user: string; host: string } {
  const host = domainOf(jid);
  return { user: jid.slice(0, -host.length - 1), host };
}

function mintRequest(jid: string, { configuration, fault, now }: Situation): PreparedRequest {
  if (configuration === undefined) throw new UsageError(fault?.message ?? EXPECTED);
  const { hosts, file } = configuration;
  // For a host that is not served, any key works: the daemon refuses the host itself.
  const keys = hosts.of(domainOf(jid))?.keys ?? hosts.keys;
  const key = keys.find((candidate) => isActiveAt(candidate, now)) ?? keys[0];
  if (key === undefined) throw new UsageError(`there is no key in ${file} to mint a token with`);
  const remark = `The token was minted for this request with the key "${key.id}" of ${file}, and is consumed now.`;
  const password = mintWithKey(key, jid, now);
  return { request: { operation: 'auth', ...partsOf(jid), password }, isFresh: true, remarks: [remark] };
}
