import { isActiveAt } from '../../../credential/key.js';
import { normalizeJid } from '../../../credential/jid/jid.js';
import { mintWithKey } from '../../../credential/mint.js';
import { readInput } from '../../read-input.js';
import { UsageError } from '../../usage-error.js';
import type { Situation } from '../situation.js';

/** A request that can be sent. */
export interface PreparedRequest {
  readonly request: string;
  /** Whether its token was minted for it, and nobody has used it before. */
  readonly isFresh: boolean;
  /** What is to be known about it. */
  readonly remarks: readonly string[];
}

const EXPECTED =
  '--request: expected isuser:USER:HOST, auth:USER:HOST (with a token that is minted for it), or - to read a request from standard input';

/**
 * Makes a request of what the command line says.
 *
 * @throws {@link UsageError} that repeats nothing: it may be a token
 */
export async function prepareRequest(text: string, situation: Situation): Promise<PreparedRequest> {
  if (text === '-') return { request: await readRequest(), isFresh: false, remarks: [] };
  const [operation = '', user, host, password] = text.split(':');
  if (password !== undefined && operation === 'auth') {
    throw new UsageError(
      '--request: a token here would stand in the list of processes; give the request by standard input: --request -',
    );
  }
  if (user === undefined || host === undefined || password !== undefined) throw new UsageError(EXPECTED);
  const jid = normalizeJid(`${user}@${host}`);
  const question = `${operation}:${jid.replace('@', ':')}`;
  if (operation === 'isuser') return { request: question, isFresh: false, remarks: [] };
  if (operation !== 'auth') throw new UsageError(EXPECTED);
  return mintFor(jid, question, situation);
}

async function readRequest(): Promise<string> {
  const request = await readInput();
  if (request === '' || request.includes('\n')) {
    throw new UsageError('--request -: expected one line on standard input, such as auth:USER:HOST:TOKEN');
  }
  return request;
}

function mintFor(jid: string, question: string, { configuration, fault, now }: Situation): PreparedRequest {
  if (configuration === undefined) throw new UsageError(fault?.message ?? EXPECTED);
  const { hosts, file } = configuration;
  const host = jid.slice(jid.indexOf('@') + 1);
  // For a host that is not served any key will do: the daemon is to say so itself.
  const keys = hosts.of(host)?.keys ?? hosts.keys;
  const key = keys.find((candidate) => isActiveAt(candidate, now)) ?? keys[0];
  if (key === undefined) throw new UsageError(`there is no key in ${file} to mint a token with`);
  const remarks = [`The token was minted for this with the key "${key.id}" of ${file}, and is spent.`];
  return { request: `${question}:${mintWithKey(key, jid, now)}`, isFresh: true, remarks };
}
