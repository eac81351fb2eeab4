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

  export interface ClientOptions {
    readonly service: string;
    readonly domain: string;
    /** How long the server may take for each step, in milliseconds. */
    readonly timeout?: number;
    readonly credentials: (
      authenticate: (credentials: Credentials, mechanism: string) => Promise<void>,
    ) => Promise<void>;
  }

  export interface Element {
    readonly name: string;
  }

  export interface Client {
    readonly reconnect: { stop(): void };
    readonly saslFactory: { use(name: string, mechanism: new () => Mechanism): void };
    readonly iqCaller: {
      get(child: Element, to: string, timeout: number): Promise<Element | undefined>;
      set(child: Element): Promise<Element | undefined>;
    };
    readonly options: { readonly domain: string };
    on(event: 'disconnect' | 'error', listener: (detail: unknown) => void): this;
    send(element: Element): Promise<void>;
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
