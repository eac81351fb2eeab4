import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { client as createClient, xml, type Client, type FastToken } from '@xmpp/client';
import { codeIn } from '../documents.js';
import { COMMUNITY_MODULES } from './prosody.js';
import { start, useWebSocket } from './xmpp-login.js';

/** A step of a login: a top-level element, without what follows the login. */
const STEP = /^<(authenticate|success|failure)/;

/** Returns the documented configuration for FAST, with the modules of this directory and of scripts/test-servers. */
export function fastConfiguration(): string {
  const paths = [resolve('prosody'), COMMUNITY_MODULES].join('", "');
  return `plugin_paths = { "${paths}" }\n${codeIn('docs/reconnecting.md', 'lua')}`;
}

/** A user's program that keeps the FAST token (XEP-0484) of its last login, and connects again and again. */
export class FastDevice {
  /** The FAST token of the last login. */
  token: FastToken | undefined;
  /** The SASL2 elements that it has sent and received since it was told to connect. */
  steps: string[] = [];
  /** What it sends right after its credentials, without waiting for the answer. */
  pipelined = '';
  readonly #id: string;
  readonly #username: string;
  readonly #domain: string;

  /** @param id what the server knows the device by */
  constructor(username: string, domain: string, id: string = randomUUID()) {
    this.#username = username;
    this.#domain = domain;
    this.#id = id;
  }

  /**
   * Logs in with the FAST token, and if that fails, with a password.
   *
   * @param passwordOf returns the password for each login
   * @throws if the login is refused
   */
  connect(service: string, passwordOf: () => string): Promise<Client> {
    return start(this.#create(service, passwordOf));
  }

  /** Returns the name of each step of the last login, with the mechanism or the condition. */
  get outcome(): string[] {
    return this.steps.map((step) => {
      const [, name = ''] = STEP.exec(step) ?? [];
      const mechanism = / mechanism="([^"]*)"/.exec(step)?.[1];
      const condition = /<([a-z-]+) xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/.exec(step)?.[1];
      const resumed = step.includes('<resumed ') ? 'resumed' : undefined;
      return [name, name === 'authenticate' ? mechanism : (condition ?? resumed)].filter(Boolean).join(' ');
    });
  }

  #create(service: string, passwordOf: () => string): Client {
    useWebSocket();
    const [username, domain] = [this.#username, this.#domain];
    const userAgent = xml('user-agent', { id: this.#id });
    const client = createClient({
      service,
      domain,
      username,
      credentials: async (authenticate, _, fast) => {
        const token = await fast?.fetch();
        await authenticate({ username, password: passwordOf(), token }, 'PLAIN', userAgent);
      },
    });
    // @xmpp/client names the user to the server, which FAST needs, only on connections that it considers secure.
    Object.assign(client, { isSecure: () => true });
    Object.assign(client.fast, {
      saveToken: (token: FastToken) => Promise.resolve((this.token = token)),
      fetchToken: () => Promise.resolve(this.token),
      deleteToken: () => Promise.resolve((this.token = undefined)),
    });
    this.steps = [];
    const record = (element: unknown): void => {
      if (STEP.test(String(element))) this.steps.push(String(element));
    };
    client.on('element', record).on('send', (element) => {
      record(element);
      if (element.name === 'authenticate' && this.pipelined !== '') void client.write(this.pipelined);
    });
    client.reconnect.delay = 20;
    client.on('error', () => undefined);
    return client;
  }
}
