import { createHash } from 'node:crypto';
import { TIME_STEP_MILLISECONDS } from '../../credential/otp.js';
import { RETAINED_TIME_STEPS } from '../cache-epoch.js';
import type { TokenUse } from '../replay-cache.js';
import type { RedisSettings } from './settings.js';

const HEX_DIGITS: readonly string[] = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

/** How far the clock of this machine may be from that of Redis. */
export const CLOCK_TOLERANCE_MILLISECONDS = 10_000;

/** Where a token is entered. */
export interface Place {
  /** The prefix of keys that are certainly on the same server. */
  readonly part: string;
  readonly timeStep: number;
  /** One of the hashes of the time step in this part. */
  readonly hash: string;
  readonly field: string;
}

/**
 * Maps tokens to keys. In a cluster the replay cache has 256 parts, one for each text in braces; elsewhere it has one part, with 16
 * hashes for each time step, so that none of them grows too large.
 */
export class RedisLayout {
  readonly #prefix: string;
  readonly #isCluster: boolean;

  constructor({ prefix, isCluster }: Pick<RedisSettings, 'prefix' | 'isCluster'>) {
    this.#prefix = prefix;
    this.#isCluster = isCluster;
  }

  get parts(): readonly string[] {
    if (!this.#isCluster) return [this.#prefix];
    return HEX_DIGITS.flatMap((first) => HEX_DIGITS.map((second) => this.#partNamed(first + second)));
  }

  /** A token is entered by a hash of its signature, from which nobody can tell the signature. */
  placeOf({ id, timeStep }: TokenUse): Place {
    const digest = createHash('sha256').update(id, 'latin1').digest();
    const name = digest.toString('hex', digest.length - 1);
    const part = this.#isCluster ? this.#partNamed(name) : this.#prefix;
    const hash = `${part}step:${timeStep}${this.#isCluster ? '' : `:${name.charAt(0)}`}`;
    // 22 readable characters take as much memory in Redis as these 16 bytes.
    return { part, timeStep, hash, field: digest.toString('base64url', 0, 16) };
  }

  /** Returns all hashes that a time step has in a part. */
  hashesOf({ part, timeStep, hash }: Place): readonly string[] {
    return this.#isCluster ? [hash] : HEX_DIGITS.map((digit) => `${part}step:${timeStep}:${digit}`);
  }

  #partNamed(name: string): string {
    return `${this.#prefix}{${name}}`;
  }
}

/** Returns when the tokens of a time step expire: they can't be valid any more then. In milliseconds since the Unix epoch. */
export function expiryOf(timeStep: number): number {
  return (timeStep + 1 + RETAINED_TIME_STEPS) * TIME_STEP_MILLISECONDS + CLOCK_TOLERANCE_MILLISECONDS;
}
