import { CClient } from '../support/c-client.js';
import { thenStopped } from '../support/clean-up.js';
import { requests } from '../support/requests.js';
import type { SectionOptions } from '../support/section.js';
import type { Listener } from '../support/subjects.js';
import { cpuTime } from '../support/usage.js';
import type { CredentialKey } from '../../src/credential/key.js';

/** A program that is asked as fast as it reads. */
export interface Flooded {
  readonly name: string;
  readonly listener: Listener;
  /** Who signs its tokens. */
  readonly key: CredentialKey;
  /** Whether it answers 1 to everything. */
  readonly isEcho: boolean;
  /** What each round says. */
  readonly rounds: Rate[];
}

/** Requests in a second. */
export interface Rate {
  /** Of the clock on the wall: the client computes on the same cores. */
  readonly wall: number;
  /** Of the program's CPU time. */
  readonly cpu: number;
}

/** One in so many requests is to be refused: an answer out of its turn would show. */
const REFUSED_ONE_IN = 16;

/** Asks each program, in turn, over some rounds, of which the first warms up only. @throws where a verdict is wrong */
export async function floodAll(
  options: SectionOptions,
  all: readonly Flooded[],
  count: number,
  rounds: number,
): Promise<void> {
  for (let round = 0; round <= rounds; round += 1) {
    for (const flooded of round % 2 === 0 ? all : all.toReversed()) {
      const rate = await rateLimiter(options, flooded, count);
      if (round > 0) flooded.rounds.push(rate);
    }
  }
}

/** @throws where a verdict is wrong */
export async function rateLimiter(
  { programs, directory }: SectionOptions,
  { name, listener, key, isEcho }: Omit<Flooded, 'rounds'>,
  count: number,
): Promise<Rate> {
  const way = { transport: 'socket', ...listener } as const;
  const client = new CClient({ program: programs.client, directory, way });
  return thenStopped(
    () => client.close(),
    async () => {
      const { text, expected } = mixed(count, key);
      const before = cpuTime(listener.pid);
      const { answers, seconds } = await client.rateLimiter(text);
      const cpuSeconds = (cpuTime(listener.pid) - before) / 1e6;
      if (answers !== (isEcho ? '1\n'.repeat(count) : expected)) {
        throw new Error(`expected ${name} to answer each of ${count} requests rightly, and in its turn`);
      }
      return { wall: count / seconds, cpu: count / cpuSeconds };
    },
  );
}

function mixed(count: number, key: CredentialKey): { text: string; expected: string } {
  const bad = Math.floor(count / REFUSED_ONE_IN);
  const good = requests(count - bad, 'valid', key).split(/(?<=\n)/);
  const refused = requests(bad, 'refused', key).split(/(?<=\n)/);
  const kinds = Array.from({ length: count }, (_, index) => (index + 1) % REFUSED_ONE_IN !== 0);
  const lines = kinds.map((isGood) => (isGood ? good : refused).pop());
  return { text: lines.join(''), expected: kinds.map((isGood) => (isGood ? '1\n' : '0\n')).join('') };
}
