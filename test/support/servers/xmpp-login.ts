import { performance } from 'node:perf_hooks';
import { client as createClient, xml, type Client, type Credentials, type Mechanism } from '@xmpp/client';
import { WebSocket } from 'ws';

/** The transport between client and server. */
export type Transport = 'TCP' | 'WebSocket';

/** The parameters of a login. */
export interface LoginOptions {
  /** `xmpp://127.0.0.1:5222` or `ws://127.0.0.1:5280/ws`: an IP address avoids DNS. */
  readonly service: string;
  readonly domain: string;
  readonly username: string;
  readonly password: string;
  readonly mechanism?: 'PLAIN' | 'X-TOKEN';
  /** Whether the result contains the text of a failure; by default, only its condition. */
  readonly wantsText?: boolean;
}

/** The outcome of a login, with the SASL error condition (RFC 6120, section 6.5). */
export type LoginResult =
  | { readonly decision: 'accepted' }
  | { readonly decision: 'refused'; readonly condition: string; readonly text?: string };

const LOGIN_MILLISECONDS = 15_000;
const CLOSE_MILLISECONDS = 1000;

/** Logs in and disconnects. @throws if the server sends no outcome */
export async function login(options: LoginOptions): Promise<LoginResult> {
  try {
    const client = await connect(options);
    await leave(client);
    return { decision: 'accepted' };
  } catch (error) {
    if (!isSaslError(error)) throw error;
    const { condition, text } = error;
    return { decision: 'refused', condition, ...(options.wantsText === true ? { text } : {}) };
  }
}

/** Logs in and stays connected until the test calls `stop`. @throws if the login is refused, or the server sends no outcome */
export async function connect(options: LoginOptions): Promise<Client> {
  return start(createOneTimeClient(options));
}

/** Starts a client. @throws if the login is refused, or the server sends no outcome; the client is then stopped */
export async function start(client: Client): Promise<Client> {
  try {
    await startedInTime(client);
    return client;
  } catch (error) {
    await leave(client);
    throw error;
  }
}

/** Pings the server (XEP-0199), and returns the milliseconds until its answer. */
export async function ping(client: Client): Promise<number> {
  const sent = performance.now();
  await client.iqCaller.get(
    xml('ping', { xmlns: 'urn:xmpp:ping' }),
    client.options.domain,
    LOGIN_MILLISECONDS,
  );
  return performance.now() - sent;
}

/** Gives @xmpp/client a WebSocket, since Node 20 has none of its own. */
export function useWebSocket(): void {
  if (!('WebSocket' in globalThis)) Object.assign(globalThis, { WebSocket });
}

function createOneTimeClient({ mechanism = 'PLAIN', ...options }: LoginOptions): Client {
  useWebSocket();
  const { service, domain, username, password } = options;
  const client = createClient({
    service,
    domain,
    timeout: LOGIN_MILLISECONDS,
    // Without TLS, the client sends a password only if this is a function.
    credentials: (authenticate) => authenticate({ username, password }, mechanism),
  });
  client.saslFactory.use('X-TOKEN', XToken);
  client.reconnect.stop();
  // start() rejects as well; an error event without a listener would end the test's process.
  client.on('error', () => undefined);
  return client;
}

/** Prosody's mechanism X-TOKEN, with the message of PLAIN (RFC 4616). */
class XToken implements Mechanism {
  readonly name = 'X-TOKEN';
  readonly clientFirst = true;

  response({ username, password }: Credentials): string {
    return `\0${username}\0${password}`;
  }

  challenge(): void {
    // The server sends none.
  }
}

/** Starts a client. @throws if the server disconnects or sends no outcome, for which the client itself would wait forever */
async function startedInTime(client: Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const failed = new Promise<never>((_, reject) => {
    const fail = (reason: string): void => {
      reject(new Error(`expected an outcome; the server ${reason}`));
    };
    timer = setTimeout(fail, LOGIN_MILLISECONDS, `sent none in ${LOGIN_MILLISECONDS / 1000} s`);
    // Wait for an error of start(), which says more and takes some promises longer.
    client.on('disconnect', () => setImmediate(fail, 'closed the connection'));
  });
  await Promise.race([client.start(), failed]).finally(() => {
    clearTimeout(timer);
  });
}

/** Closes the stream, and waits for the server for a second at most. */
export async function leave(client: Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_MILLISECONDS)));
  await Promise.race([client.stop().catch(() => undefined), timeout]);
  clearTimeout(timer);
}

function isSaslError(error: unknown): error is Error & { readonly condition: string; readonly text: string } {
  return error instanceof Error && error.name === 'SASLError' && 'condition' in error;
}
