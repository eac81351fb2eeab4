import { connect, type Socket } from 'node:net';

export interface Login {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly domain: string;
  readonly username: string;
  readonly password: string;
}

const SILENCE_MILLISECONDS = 30_000;
const FEATURES = /<\/stream:features>/;
const BIND = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/**
 * Logs in with PLAIN, binds and leaves (RFC 6120). Does as little as possible, because an ordinary client would be slower than
 * the server under test.
 *
 * @returns the SASL error condition, or `undefined` if the login was accepted
 * @throws if the server answers anything else, or binds another user
 */
export async function rawLogin(login: Login): Promise<string | undefined> {
  const stream = new RawStream(login.port);
  try {
    await stream.exchange(headerFor(login), FEATURES);
    const condition = await authenticate(stream, login);
    if (condition !== undefined) return condition;
    await stream.exchange(headerFor(login), FEATURES);
    const bound = await stream.exchange(BIND, /<iq[^]*<\/iq>/);
    if (!bound.includes(`<jid>${login.username}@${login.domain}/`)) {
      throw new Error(`expected a bound JID: ${bound}`);
    }
    await stream.exchange('</stream:stream>', /<\/stream:stream>/);
    return undefined;
  } finally {
    stream.close();
  }
}

/**
 * Tries invalid logins of one host, one after the other on one stream.
 *
 * @throws if one is accepted
 */
export async function rawRefusals(logins: readonly Login[]): Promise<void> {
  const [first] = logins;
  if (first === undefined) return;
  const stream = new RawStream(first.port);
  try {
    await stream.exchange(headerFor(first), FEATURES);
    for (const login of logins) {
      const condition = await authenticate(stream, login);
      if (condition === 'not-authorized') continue;
      throw new Error(`expected ${login.domain} to refuse a login, received ${condition ?? 'success'}`);
    }
  } finally {
    stream.close();
  }
}

function headerFor({ domain }: Login): string {
  return `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`;
}

async function authenticate(stream: RawStream, { username, password }: Login): Promise<string | undefined> {
  const credentials = Buffer.from(`\0${username}\0${password}`).toString('base64');
  const result = await stream.exchange(
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${credentials}</auth>`,
    /<success[^>]*>|<failure[^]*<\/failure>/,
  );
  return /^<failure[^>]*><([\w-]+)/.exec(result)?.[1];
}

/** Exchanges one text for one answer at a time. */
class RawStream {
  readonly #socket: Socket;
  #received = '';
  #awaited = FEATURES;
  #resolve: (answer: string) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('utf8').setTimeout(SILENCE_MILLISECONDS);
    this.#socket.on('data', (text: string) => {
      this.#received += text;
      const [answer] = this.#awaited.exec(this.#received) ?? [];
      if (answer !== undefined) this.#resolve(answer);
    });
    for (const event of ['error', 'timeout', 'close'] as const) {
      this.#socket.on(event, () => {
        this.#reject(new Error(`${event}: expected ${this.#awaited.source}, received "${this.#received}"`));
      });
    }
  }

  /** Returns what matches in the answer. */
  exchange(text: string, awaited: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      [this.#received, this.#awaited, this.#resolve, this.#reject] = ['', awaited, resolve, reject];
      this.#socket.write(text);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
