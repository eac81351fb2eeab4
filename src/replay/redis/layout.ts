import { createHash } from 'node:crypto';
import { TIME_STEP_MILLISECONDS } from '../../credential/otp.js';
import { RETAINED_TIME_STEPS } from '../memory/memory-cache.js';
import type { RedisSettings } from './settings.js';
import type { TokenUse } from '../replay-cache.js';

const HEX_DIGITS: readonly string[] = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

/** How far our clock may be from that of Redis. */
export const CLOCK_TOLERANCE_MILLISECONDS = 10_000;

/** Where a token is. */
export interface Place {
  /** What is on one server for sure: the beginning of the keys there. */
  readonly part: string;
  readonly timeStep: number;
  /** One of the hashes that the step has in this part. */
  readonly hash: string;
  readonly field: string;
}

/**
 * What is kept where. In a cluster the record has 256 parts, one for each text in braces; elsewhere it is one, whose steps have 16
 * hashes each, so that none of them grows too large.
 */
export class RedisLayout {
  readonly #prefix: string;
  readonly #isCluster: boolean;

  constructor({ prefix, isCluster }: Pick<RedisSettings, 'prefix' | 'isCluster'>) {
    this.#prefix = prefix;
    this.#isCluster = isCluster;
  }

  /** All parts. */
  get parts(): readonly string[] {
    if (!this.#isCluster) return [this.#prefix];
    return HEX_DIGITS.flatMap((first) => HEX_DIGITS.map((second) => this.#partNamed(first + second)));
  }

  /** Whoever has the secret could tell a token from its signature; nobody can from the hash of it. */
  placeOf({ id, timeStep }: TokenUse): Place {
    const digest = createHash('sha256').update(id, 'latin1').digest();
    const name = digest.toString('hex', digest.length - 1);
    const part = this.#isCluster ? this.#partNamed(name) : this.#prefix;
    const hash = this.#isCluster ? `${part}step:${timeStep}` : bucketOf(part, timeStep, name.charAt(0));
    // 16 bytes: 22 characters take as much memory in Redis as they would, and can be read.
    return { part, timeStep, hash, field: digest.toString('base64url', 0, 16) };
  }

  /** The hashes that a step has in a part. */
  hashesOf({ part, timeStep, hash }: Place): readonly string[] {
    return this.#isCluster ? [hash] : HEX_DIGITS.map((digit) => bucketOf(part, timeStep, digit));
  }

  #partNamed(name: string): string {
    return `${this.#prefix}{${name}}`;
  }
}

/** @returns when the tokens of a step are forgotten, in milliseconds since the Unix epoch: they cannot be valid any more then */
export function expiryOf(timeStep: number): number {
  return (timeStep + 1 + RETAINED_TIME_STEPS) * TIME_STEP_MILLISECONDS + CLOCK_TOLERANCE_MILLISECONDS;
}

function bucketOf(part: string, timeStep: number, digit: string): string {
  return `${part}step:${timeStep}:${digit}`;
}
