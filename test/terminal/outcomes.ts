import { setTimeout as sleep } from 'node:timers/promises';
import { mintToken } from '../../src/index.js';
import { OTP_SEED, TOKEN_SECRET } from '../support/keys.js';
import { LptyHarness } from './lpty-harness.js';

/** The results of requests on many terminals. */
export interface Tally {
  /** Answers that belong to another request. */
  wrong: number;
  right: number;
  /** Requests without an answer, or whose echo the module took for the answer. */
  unanswered: number;
  /** Terminals that echoed the first request, which the module takes for an answer. */
  echoed: number;
  /** Terminals with at least one wrong answer. */
  badTerminals: number;
}

const REQUESTS = 10;
const LONGEST_PAUSE_MILLISECONDS = 500;
const AT_A_TIME = 4;

/** Starts a program on many terminals, and sends each a random sequence of valid and invalid credentials of several users. */
export async function tallyOutcomes(command: string, config: string, terminals: number): Promise<Tally> {
  const tally: Tally = { wrong: 0, right: 0, unanswered: 0, echoed: 0, badTerminals: 0 };
  let left = terminals;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await oneTerminal(command, config, tally);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return tally;
}

async function oneTerminal(command: string, config: string, tally: Tally): Promise<void> {
  const harness = new LptyHarness(command, { XTOKEND_CONFIG: config });
  const counts = { wrong: 0, right: 0, unanswered: 0 };
  // Some start with a burst, as a server does that takes the echo for an answer and continues at once.
  const burst = Math.floor(Math.random() * 5);
  for (let sent = 0; sent < REQUESTS; sent += 1) {
    if (sent > burst) await sleep(Math.random() * LONGEST_PAUSE_MILLISECONDS);
    const isValid = Math.random() < 0.5;
    const result = await harness.ask(requestOf(anyUser(), isValid));
    counts[judge(result, isValid)] += 1;
    if (sent === 0 && result.startsWith('garbled')) tally.echoed += 1;
  }
  harness.end();
  tally.wrong += counts.wrong;
  tally.right += counts.right;
  tally.unanswered += counts.unanswered;
  tally.badTerminals += counts.wrong > 0 ? 1 : 0;
}

function judge(result: string, isValid: boolean): 'wrong' | 'right' | 'unanswered' {
  if (result !== 'accepted' && result !== 'refused') return 'unanswered';
  return (result === 'accepted') === isValid ? 'right' : 'wrong';
}

function anyUser(): string {
  return ['alice', 'bob', 'carol'][Math.floor(Math.random() * 3)] ?? '';
}

/** Returns a request to log a user in, with a token for this user or for another one. */
export function requestOf(user: string, isValid: boolean): string {
  const signer = isValid ? user : 'nobody';
  const token = mintToken({ jid: `${signer}@example.com`, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
  return `auth:${user}:example.com:${token}`;
}
