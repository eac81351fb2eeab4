import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as keys from '../keys.js';

const { OTP_SEED, TOKEN_SECRET, OTHER_SEED, OTHER_SECRET } = keys;

/** Patterns that a log must never contain. */
const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  ['a secret of the tests', new RegExp([OTP_SEED, TOKEN_SECRET, OTHER_SEED, OTHER_SECRET].join('|'))],
  ['a text like a secret of xtokend keygen', /(?<![A-Za-z0-9])[A-Z2-7]{32}(?![A-Za-z0-9])/],
  ['the digits of a token', /\d{40}/],
  ['the signature of a token', /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=/],
  ['a password', /hunter2/],
];

/** Searches the files of a directory. Returns the first line of each kind of secret. */
export async function findSecrets(directory: string): Promise<string[]> {
  const found = new Map<string, string>();
  for (const file of readdirSync(directory)) {
    for await (const line of createInterface({ input: createReadStream(join(directory, file)) })) {
      for (const [what, pattern] of FORBIDDEN) {
        if (!found.has(what) && pattern.test(line)) found.set(what, `${what}: ${line.slice(0, 1000)}`);
      }
    }
  }
  return [...found.values()];
}
