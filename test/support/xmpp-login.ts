import { performance } from 'node:perf_hooks';
import { client as createClient, xml, type Client, type Credentials, type Mechanism } from '@xmpp/client';
import { WebSocket } from 'ws';

/** How a client speaks to the server. */
export type Transport = 'TCP' | 'WebSocket';

/** Whom to log in where. */
export interface LoginOptions {
  /** `xmpp://127.0.0.1:5222` or `ws://127.0.0.1:5280/ws`: an address, so that nobody asks DNS about the domain. */
  readonly service: string;
  readonly domain: string;
  readonly username: string;
  readonly password: string;
  readonly mechanism?: 'PLAIN' | 'X-TOKEN';
}

/** What the server says to a login; the condition is that of SASL (RFC 6120, section 6.5). */
export type LoginResult =
  { readonly decision: 'accepted' } | { readonly decision: 'refused'; readonly condition: string };

const LOGIN_MILLISECONDS = 15_000;
const FAREWELL_MILLISECONDS = 1000;

/**
 * Logs in once and leaves.
 *
 * @throws where the server gives no verdict
 */
export async function login(options: LoginOptions): Promise<LoginResult> {
  try {
    const client = await connect(options);
    await leave(client);
    return { decision: 'accepted' };
  } catch (error) {
    if (!isSaslError(error)) throw error;
    return { decision: 'refused', condition: error.condition };
  }
}

/**
 * Logs in and stays, until somebody calls `stop`.
 *
 * @throws where the login is refused, or the server gives no verdict
 */
export async function connect(options: LoginOptions): Promise<Client> {
  const client = createOneTimeClient(options);
  try {
    await startedInTime(client);
    return client;
  } catch (error) {
    await leave(client);
    throw error;
  }
}

/** @returns the milliseconds between a ping to the server (XEP-0199) and its answer */
export async function ping(client: Client): Promise<number> {
  const sent = performance.now();
  await client.iqCaller.get(
    xml('ping', { xmlns: 'urn:xmpp:ping' }),
    client.options.domain,
    LOGIN_MILLISECONDS,
  );
  return performance.now() - sent;
}

function createOneTimeClient({ mechanism = 'PLAIN', ...options }: LoginOptions): Client {
  // Node 20 has none of its own.
  if (!('WebSocket' in globalThis)) Object.assign(globalThis, { WebSocket });
  const { service, domain, username, password } = options;
  const client = createClient({
    service,
    domain,
    timeout: LOGIN_MILLISECONDS,
    // Given as a function, for without TLS the client would not send a password by itself.
    credentials: (authenticate) => authenticate({ username, password }, mechanism),
  });
  client.saslFactory.use('X-TOKEN', XToken);
  client.reconnect.stop();
  // What matters comes out of start() too; an error that nobody listens to would end the test's process.
  client.on('error', () => undefined);
  return client;
}

/** Prosody's X-TOKEN: what is sent is what PLAIN sends (RFC 4616). */
class XToken implements Mechanism {
  readonly name = 'X-TOKEN';
  readonly clientFirst = true;

  response({ username, password }: Credentials): string {
    return `\0${username}\0${password}`;
  }

  challenge(): void {
    // There is none.
  }
}

/** The client itself would wait for ever where the server hangs up, or says nothing, in the middle of a login. */
async function startedInTime(client: Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const failed = new Promise<never>((_, reject) => {
    const fail = (reason: string): void => {
      reject(new Error(`expected a verdict; the server ${reason}`));
    };
    timer = setTimeout(fail, LOGIN_MILLISECONDS, `gave none in ${LOGIN_MILLISECONDS / 1000} s`);
    // An error that came with it says more, and takes some promises to get out of start().
    client.on('disconnect', () => setImmediate(fail, 'closed the connection'));
  });
  await Promise.race([client.start(), failed]).finally(() => {
    clearTimeout(timer);
  });
}

/** Says goodbye; a server that does not answer that is not waited for. */
async function leave(client: Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const replyDeadline = new Promise((resolve) => (timer = setTimeout(resolve, FAREWELL_MILLISECONDS)));
  await Promise.race([client.stop().catch(() => undefined), replyDeadline]);
  clearTimeout(timer);
}

function isSaslError(error: unknown): error is Error & { readonly condition: string } {
  return error instanceof Error && error.name === 'SASLError' && 'condition' in error;
}
