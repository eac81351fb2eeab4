import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';

/** What the HTTP back end sends. */
export interface HttpQuestion {
  readonly operation: 'auth' | 'isuser';
  readonly jid: string;
  readonly password?: string;
}

/** The bearer token of the HTTP back end. */
export const BEARER = 'bearer-token-of-the-tests-0123456789';

/** An application that checks passwords over HTTP. */
export class HttpEnd {
  /** The password of each bare JID. */
  readonly passwords: Map<string, string> = new Map<string, string>();
  /** The bare JIDs of the users who may not log in. */
  readonly disabled: Set<string> = new Set<string>();
  /** All questions so far. */
  readonly questions: HttpQuestion[] = [];
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));
  #port = 0;
  #isHung = false;

  async start(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  /** From now on, receives questions, but answers none. */
  hang(): void {
    this.#isHung = true;
  }

  /** Writes the bearer token to a file, and returns the settings for a table `[passwords]`. */
  settingsIn(directory: string): string {
    const file = join(directory, 'http-token');
    writeFileSync(file, `${BEARER}\n`, { mode: 0o600 });
    return `url = "http://127.0.0.1:${this.#port}/auth"\ntoken_file = "${file}"`;
  }

  /** The passwords that it has received for a user. */
  triesOf(jid: string): number {
    return this.questions.filter((question) => question.operation === 'auth' && question.jid === jid).length;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const question = (await json(request)) as HttpQuestion;
    this.questions.push(question);
    if (this.#isHung) return;
    const isAuthorized = request.headers.authorization === `Bearer ${BEARER}`;
    const status = isAuthorized ? this.#statusOf(question) : 401;
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ accepted: status === 200 && this.#accepts(question) }));
  }

  #accepts({ operation, jid, password }: HttpQuestion): boolean {
    const known = this.passwords.get(jid);
    return known !== undefined && (operation === 'isuser' || known === password);
  }

  #statusOf(question: HttpQuestion): number {
    const isDisabled = question.operation === 'auth' && this.disabled.has(question.jid);
    return isDisabled && this.#accepts(question) ? 403 : 200;
  }
}
