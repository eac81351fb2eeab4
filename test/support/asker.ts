import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { mintToken } from '../../src/index.js';
import { OTP_SEED, TOKEN_SECRET } from './keys.js';

/** What became of many logins, each with a token of its own. */
export interface Tally {
  /** The requests that were answered yes, and those answered no. */
  readonly yes: string[];
  readonly no: string[];
  /** Those of which the connection was closed without an answer, so that they were asked again. */
  readonly askedAgain: string[];
}

/**
 * Asks over several connections at a time, as servers do, while something happens, and until it is over.
 *
 * @param ahead how far the clock of whoever signs is ahead, in milliseconds
 */
export async function askDuring(path: string, event: () => Promise<void>, ahead = 0): Promise<Tally> {
  const tally: Tally = { yes: [], no: [], askedAgain: [] };
  let isOver = false;
  let count = 0;
  const next = (): string | undefined => (isOver ? undefined : login(`user${(count += 1)}`, ahead));
  const asked = Promise.all(Array.from({ length: 8 }, () => askInTurn(path, next, tally)));
  await Promise.race([event(), asked]);
  isOver = true;
  await asked;
  return tally;
}

/** @returns how many of some requests are answered yes */
export async function countYes(path: string, requests: readonly string[]): Promise<number> {
  const tally: Tally = { yes: [], no: [], askedAgain: [] };
  const rest = [...requests];
  await askInTurn(path, () => rest.pop(), tally);
  if (tally.no.length + tally.yes.length !== requests.length) throw new Error('expected an answer to each');
  return tally.yes.length;
}

/** @returns a request with a fresh token, by a clock that is some milliseconds ahead */
export function login(user: string, ahead = 0): string {
  const now = new Date(Date.now() + ahead);
  const token = mintToken({ jid: `${user}@example.com`, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET, now });
  return `auth:${user}:example.com:${token}`;
}

/** One request after the other over one connection; where that was closed, over a new one, and what was not answered again. */
async function askInTurn(path: string, next: () => string | undefined, tally: Tally): Promise<void> {
  let connection = new Connection(path);
  for (let request = next(); request !== undefined; request = next()) {
    if (connection.isClosed) connection = new Connection(path);
    let answer = await connection.ask(request);
    while (answer === undefined) {
      tally.askedAgain.push(request);
      connection = new Connection(path);
      answer = await connection.ask(request);
    }
    (answer === '1' ? tally.yes : tally.no).push(request);
    await sleep(1);
  }
  connection.close();
}

class Connection {
  isClosed = false;
  readonly #socket: Socket;
  #settle: ((answer: string | undefined) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor(path: string) {
    let wasOpen = false;
    this.#socket = connect(path, () => (wasOpen = true));
    this.#socket
      .on('data', (data: Buffer) => this.#settle?.(data.toString().trim()))
      .on('error', (error) => {
        // One that is cut is made anew; not to be let in is what must never be.
        if (!wasOpen) this.#fail?.(error);
      })
      .on('close', () => {
        this.isClosed = true;
        this.#settle?.(undefined);
      });
  }

  /** @returns `undefined` where the connection was closed without an answer */
  ask(request: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
      this.#socket.write(`${request}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
