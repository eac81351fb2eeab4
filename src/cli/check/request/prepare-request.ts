import { isActiveAt } from '../../../credential/key.js';
import { domainOf, normalizeJid } from '../../../credential/jid/jid.js';
import { mintWithKey } from '../../../credential/mint.js';
import { readInput } from '../../shared/read-input.js';
import { UsageError } from '../../shared/usage-error.js';
import type { Situation } from '../situation.js';

/** A request that can be sent. */
export interface PreparedRequest {
  readonly request: string;
  /** Whether its token was minted for this request, so that nobody has used it before. */
  readonly isFresh: boolean;
  /** Lines to print with the answer. */
  readonly remarks: readonly string[];
}

const EXPECTED =
  '--request: expected isuser:USER:HOST, auth:USER:HOST (with a token that is minted for it), or - to read a request from standard input';

/**
 * Makes a request from the text on the command line.
 *
 * @throws {@link UsageError} that repeats nothing of the text, which may be a token
 */
export async function prepareRequest(text: string, situation: Situation): Promise<PreparedRequest> {
  if (text === '-') return { request: await readRequest(), isFresh: false, remarks: [] };
  const [operation = '', user, host, password] = text.split(':');
  if (password !== undefined && operation === 'auth') {
    throw new UsageError(
      '--request: every user could see a token here in the list of processes; give the request by standard input: --request -',
    );
  }
  if (user === undefined || host === undefined || password !== undefined) throw new UsageError(EXPECTED);
  const jid = normalizeJid(`${user}@${host}`);
  const request = `${operation}:${jid.replace('@', ':')}`;
  if (operation === 'isuser') return { request, isFresh: false, remarks: [] };
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
  // For a host that is not served any key will do: the daemon is to refuse it for its host.
  const keys = hosts.of(domainOf(jid))?.keys ?? hosts.keys;
  const key = keys.find((candidate) => isActiveAt(candidate, now)) ?? keys[0];
  if (key === undefined) throw new UsageError(`there is no key in ${file} to mint a token with`);
  const remarks = [
    `The token was minted for this request with the key "${key.id}" of ${file}, and is consumed now.`,
  ];
  return { request: `${request}:${mintWithKey(key, jid, now)}`, isFresh: true, remarks };
}
