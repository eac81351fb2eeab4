import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { mintToken } from '../../../src/index.js';
import { OTP_SEED, TOKEN_SECRET } from '../keys.js';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** The outcomes of many logins, each with a token of its own. */
export interface Tally {
  /** The requests that were answered 1. */
  readonly yes: string[];
  /** The requests that were answered 0. */
  readonly no: string[];
  /** The requests that were sent again, because the connection was closed without an answer. */
  readonly askedAgain: string[];
}

/** Logs in over several connections until an event has finished. @param ahead how far the signer's clock is ahead, in milliseconds */
export async function logInDuring(path: string, event: () => Promise<void>, ahead = 0): Promise<Tally> {
  const tally: Tally = { yes: [], no: [], askedAgain: [] };
  let isOver = false;
  let count = 0;
  const next = (): string | undefined => (isOver ? undefined : login(`user${(count += 1)}`, ahead));
  const asked = Promise.all(Array.from({ length: 8 }, () => askInSequence(path, next, tally)));
  await Promise.race([event(), asked]);
  isOver = true;
  await asked;
  return tally;
}

/** Sends some requests over one connection, and returns how many of them are answered 1. */
export async function countAccepted(path: string, requests: readonly string[]): Promise<number> {
  const socket = connect(path);
  socket.end(requests.map((request) => `${request}\n`).join(''));
  const answers = await text(socket);
  if (!/^([01]\n)*$/.test(answers) || answers.length !== 2 * requests.length)
    throw new Error('expected an answer to each request');
  return answers.split('1').length - 1;
}

/** Returns a login request with a fresh token. @param ahead how far the signer's clock is ahead, in milliseconds */
export function login(user: string, ahead = 0): string {
  const now = new Date(Date.now() + ahead);
  const token = mintToken({ jid: `${user}@example.com`, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET, now });
  return `auth:${user}:example.com:${token}`;
}

/** Sends one request after the other. If the connection is closed, opens a new one and repeats the unanswered request. */
async function askInSequence(path: string, next: () => string | undefined, tally: Tally): Promise<void> {
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
        // A connection may be cut, but never refused.
        if (!wasOpen) this.#fail?.(error);
      })
      .on('close', () => {
        this.isClosed = true;
        this.#settle?.(undefined);
      });
  }

  /** Returns the answer, or `undefined` if the connection was closed without one. */
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

/** Sends a request to a Unix socket, and returns the first chunk of the answer. */
export async function ask(path: string, request: string): Promise<string> {
  const socket = connect(path);
  onTestFinished(() => {
    socket.destroy();
  });
  socket.write(request);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return String(answer);
}
