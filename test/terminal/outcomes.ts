import { setTimeout as sleep } from 'node:timers/promises';
import { mintToken } from '../../src/index.js';
import { OTP_SEED, TOKEN_SECRET } from '../support/keys.js';
import { LptyHarness } from '../support/lpty-harness.js';

/** What was seen over the requests of many terminals. */
export interface Tally {
  /** Verdicts that belong to another request: somebody was let in, or kept out, for somebody else. */
  wrong: number;
  right: number;
  /** Requests that were not answered, or whose echo was taken for the answer: no login, and no harm. */
  unanswered: number;
  /** Terminals that echoed the first request, which the module takes for an answer. */
  echoed: number;
  /** Terminals on which at least one verdict was wrong. */
  badTerminals: number;
}

const REQUESTS = 10;
const LONGEST_PAUSE_MILLISECONDS = 500;
const AT_A_TIME = 4;

/**
 * Starts a program on many fresh terminals, some at a time, and sends each a random sequence of good and bad
 * credentials of several users.
 */
export async function tallyVerdicts(command: string, config: string, terminals: number): Promise<Tally> {
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
  const decisions = { wrong: 0, right: 0, unanswered: 0 };
  // Some begin with a burst, as a server does that takes the echo for an answer and goes on at once.
  const burst = Math.floor(Math.random() * 5);
  for (let sent = 0; sent < REQUESTS; sent += 1) {
    if (sent > burst) await sleep(Math.random() * LONGEST_PAUSE_MILLISECONDS);
    const isGood = Math.random() < 0.5;
    const said = await harness.ask(requestOf(anyUser(), isGood));
    decisions[judge(said, isGood)] += 1;
    if (sent === 0 && said.startsWith('garbled')) tally.echoed += 1;
  }
  harness.end();
  tally.wrong += decisions.wrong;
  tally.right += decisions.right;
  tally.unanswered += decisions.unanswered;
  tally.badTerminals += decisions.wrong > 0 ? 1 : 0;
}

function judge(said: string, isGood: boolean): 'wrong' | 'right' | 'unanswered' {
  if (said !== 'accepted' && said !== 'refused') return 'unanswered';
  return (said === 'accepted') === isGood ? 'right' : 'wrong';
}

function anyUser(): string {
  return ['alice', 'bob', 'carol'][Math.floor(Math.random() * 3)] ?? '';
}

/** Returns a request to log a user in, with a token of their own or one of somebody else. */
export function requestOf(user: string, isGood: boolean): string {
  const signer = isGood ? user : 'nobody';
  const token = mintToken({ jid: `${signer}@example.com`, otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET });
  return `auth:${user}:example.com:${token}`;
}
