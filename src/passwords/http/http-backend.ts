import * as http from 'node:http';
import * as https from 'node:https';
import type { LookupFunction } from 'node:net';
import {
  PasswordBackendError,
  type PasswordBackend,
  type PasswordLogin,
  type PasswordResult,
  type PasswordUser,
} from '../backend.js';
import type { HttpSettings } from '../settings.js';
import { decisionOf, type HttpOperation } from './answer.js';
import { explainExchangeError } from './errors.js';
import { exchange, ExchangeError, type HttpAnswer } from './exchange.js';
import { sharedLookup } from './lookup.js';
import { nameOfUrl, parseBackendUrl } from './url.js';

/** Options of {@link openHttpBackend}, for tests. */
export interface HttpBackendOptions {
  readonly lookup?: LookupFunction;
}

type Options = Omit<https.RequestOptions, 'headers'> & { readonly headers: Readonly<Record<string, string>> };

/** A host can have an IPv6 address that drops packets; the address that is tried last has the rest of the time. */
const ADDRESS_MILLISECONDS = 500;

/**
 * Returns a back end that asks an application over HTTP. Connects with the first request.
 *
 * @throws {Error} if the URL is invalid
 */
export function openHttpBackend(settings: HttpSettings, options: HttpBackendOptions = {}): PasswordBackend {
  return new HttpBackend(settings, options.lookup ?? sharedLookup);
}

class HttpBackend implements PasswordBackend {
  readonly name = 'http' as const;
  readonly #url: string;
  readonly #options: Options;
  /** Each request has a connection of its own: HTTP/1.1 has no ids, so on a kept one it could get the answer to an earlier request. */
  readonly #agent: http.Agent;
  /** End the exchanges in progress. */
  readonly #cancels = new Set<(reason: Error) => void>();
  #isClosed = false;

  constructor({ url, token, ca }: HttpSettings, lookup: LookupFunction) {
    const parsed = parseBackendUrl(url);
    this.#url = nameOfUrl(parsed);
    this.#options = requestOptions(parsed, token, ca, lookup);
    const { Agent } = parsed.protocol === 'https:' ? https : http;
    this.#agent = new Agent({ keepAlive: false });
  }

  verify({ user, host, password }: PasswordLogin, signal: AbortSignal): Promise<PasswordResult> {
    return this.#ask('auth', { user, host, password }, signal);
  }

  async isUser({ user, host }: PasswordUser, signal: AbortSignal): Promise<boolean> {
    return (await this.#ask('isuser', { user, host }, signal)) === 'accepted';
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#cancels) cancel(new Error('the back end is closed'));
    this.#agent.destroy();
    return Promise.resolve();
  }

  async #ask(
    operation: HttpOperation,
    user: PasswordUser | PasswordLogin,
    signal: AbortSignal,
  ): Promise<PasswordResult> {
    const jid = `${user.user}@${user.host}`;
    const body = Buffer.from(JSON.stringify({ operation, jid, ...user }));
    try {
      return decisionOf(operation, await this.#exchange(body, signal));
    } catch (error) {
      // The cause would contain what the server sent, in some errors of Node.js.
      throw new PasswordBackendError(`${this.#url}: ${this.#explain(error, signal)}`);
    }
  }

  #explain(error: unknown, signal: AbortSignal): string {
    if (error instanceof PasswordBackendError) return error.message;
    if (this.#isClosed) return 'the back end was closed by a reload or a shutdown';
    if (error instanceof ExchangeError) return explainExchangeError(error, signal.aborted);
    return 'the request could not be made; see passwords.url, passwords.token_file and passwords.ca_file';
  }

  async #exchange(body: Buffer, signal: AbortSignal): Promise<HttpAnswer> {
    if (this.#isClosed) throw new Error('the back end is closed');
    const headers = { ...this.#options.headers, 'Content-Length': body.length };
    let cancel: ((reason: Error) => void) | undefined;
    try {
      return await exchange({ ...this.#options, agent: this.#agent, headers }, body, signal, (given) => {
        cancel = given;
        this.#cancels.add(given);
      });
    } finally {
      if (cancel !== undefined) this.#cancels.delete(cancel);
    }
  }
}

function requestOptions(url: URL, token: string, ca: string | undefined, lookup: LookupFunction): Options {
  const addresses = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: ADDRESS_MILLISECONDS };
  return {
    ...addresses,
    method: 'POST',
    protocol: url.protocol,
    // A URL has an IPv6 address in brackets, a socket has not.
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? undefined : url.port,
    path: `${url.pathname}${url.search}`,
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json',
      'Accept-Encoding': 'identity',
      Authorization: `Bearer ${token}`,
      'User-Agent': 'xtokend',
    },
    lookup,
    insecureHTTPParser: false,
    // The environment can't turn off verification (NODE_TLS_REJECT_UNAUTHORIZED).
    rejectUnauthorized: true,
    // An empty string would mean the default authorities.
    ca: ca === undefined ? undefined : [ca],
  };
}
