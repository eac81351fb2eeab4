import { connect, type Socket } from 'node:net';
import type { LoginResult } from '../../test/support/xmpp-login.js';

/** With what somebody tries to get in. */
export interface Attempt {
  readonly username: string;
  readonly password: string;
}

/** Whom to log in at which port of this machine. */
export interface RawLogin extends Attempt {
  readonly port: number;
  readonly domain: string;
}

const SILENCE_MILLISECONDS = 30_000;
const FEATURES = /<\/stream:features>/;
const BIND = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/**
 * Logs in by PLAIN, binds and leaves (RFC 6120), with next to no work for this process: it is the server that is
 * measured, and a real client would be the slower of the two.
 *
 * @throws where the server says something else than a verdict, or binds somebody else
 */
export async function rawLogin({ port, domain, username, password }: RawLogin): Promise<LoginResult> {
  const stream = new RawStream(port);
  const header = headerFor(domain);
  try {
    await stream.exchange(header, FEATURES);
    const condition = await authenticate(stream, username, password);
    if (condition !== undefined) return { decision: 'refused', condition };
    await stream.exchange(header, FEATURES);
    const bound = await stream.exchange(BIND, /<iq[^]*<\/iq>/);
    if (!bound.includes(`<jid>${username}@${domain}/`)) throw new Error(`expected a bound JID: ${bound}`);
    await stream.exchange('</stream:stream>', /<\/stream:stream>/);
    return { decision: 'accepted' };
  } finally {
    stream.close();
  }
}

/**
 * Tries passwords that are to be refused, one after the other on one stream: next to nothing but the check.
 *
 * @throws where one is not refused
 */
export async function rawRefusals(port: number, domain: string, attempts: readonly Attempt[]): Promise<void> {
  const stream = new RawStream(port);
  try {
    await stream.exchange(headerFor(domain), FEATURES);
    for (const { username, password } of attempts) {
      const condition = await authenticate(stream, username, password);
      if (condition !== 'not-authorized') {
        throw new Error(`expected ${domain} to refuse a bad credential, received ${condition ?? 'success'}`);
      }
    }
  } finally {
    stream.close();
  }
}

function headerFor(domain: string): string {
  return `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`;
}

/** @returns why it was refused, or `undefined` where it was not */
async function authenticate(
  stream: RawStream,
  username: string,
  password: string,
): Promise<string | undefined> {
  const credentials = Buffer.from(`\0${username}\0${password}`).toString('base64');
  const decision = await stream.exchange(
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${credentials}</auth>`,
    /<success[^>]*>|<failure[^]*<\/failure>/,
  );
  return /^<failure[^>]*><([\w-]+)/.exec(decision)?.[1];
}

/** A connection on which one side speaks, then the other. */
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
      this.#settle();
    });
    this.#socket.on('error', (error) => {
      this.#reject(error);
    });
    for (const event of ['timeout', 'close'] as const) {
      this.#socket.on(event, () => {
        this.#reject(new Error(`${event}: expected ${this.#awaited.source}, received "${this.#received}"`));
      });
    }
  }

  /** @returns the part of the answer that was awaited */
  exchange(text: string, awaited: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      [this.#received, this.#awaited, this.#resolve, this.#reject] = ['', awaited, resolve, reject];
      this.#socket.write(text);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #settle(): void {
    const [answer] = this.#awaited.exec(this.#received) ?? [];
    if (answer !== undefined) this.#resolve(answer);
  }
}
