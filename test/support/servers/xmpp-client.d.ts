/** The part of @xmpp/client 0.14 that the tests use, since the package has no types. */
declare module '@xmpp/client' {
  /** The input of a SASL mechanism. */
  export interface Credentials {
    readonly username: string;
    readonly password: string;
  }

  /** A SASL mechanism of the package saslmechanisms. */
  export interface Mechanism {
    readonly name: string;
    readonly clientFirst: boolean;
    response(credentials: Credentials): string;
    challenge(challenge: string): unknown;
  }

  /** A token of FAST (XEP-0484). */
  export interface FastToken {
    readonly mechanism: string;
    readonly token: string;
    readonly expiry: string;
  }

  /** FAST, if the server offers it. */
  export interface Fast {
    fetch(): Promise<FastToken | undefined>;
  }

  export interface ClientOptions {
    readonly service: string;
    readonly domain: string;
    /** Sent as the sender of the stream, which FAST needs. */
    readonly username?: string;
    /** How long the server may take for each step, in milliseconds. */
    readonly timeout?: number;
    readonly credentials: (
      authenticate: (
        credentials: Credentials & { readonly token?: FastToken | undefined },
        mechanism: string,
        userAgent?: Element,
      ) => Promise<void>,
      mechanisms: readonly string[],
      fast: Fast | null,
    ) => Promise<void>;
  }

  export interface Element {
    readonly name: string;
    toString(): string;
  }

  export interface Client {
    readonly reconnect: { delay: number; reconnect(): Promise<void>; stop(): void };
    readonly fast: {
      saveToken(token: FastToken): Promise<void>;
      fetchToken(): Promise<FastToken | undefined>;
      deleteToken(): Promise<void>;
    };
    /** The connection below the stream. */
    readonly socket: { end(): void } | null;
    readonly status: string;
    /** The full JID after the login. */
    readonly jid: { toString(): string } | null;
    readonly saslFactory: { use(name: string, mechanism: new () => Mechanism): void };
    readonly iqCaller: {
      get(child: Element, to: string, timeout: number): Promise<Element | undefined>;
      set(child: Element): Promise<Element | undefined>;
    };
    readonly options: { readonly domain: string };
    on(event: 'disconnect' | 'error', listener: (detail: unknown) => void): this;
    on(event: 'element' | 'send', listener: (element: Element) => void): this;
    send(element: Element): Promise<void>;
    write(text: string): Promise<void>;
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
  }

  export function client(options: ClientOptions): Client;
  export function xml(
    name: string,
    attributes: Readonly<Record<string, string>>,
    ...children: (Element | string)[]
  ): Element;
}
