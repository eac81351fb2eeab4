import { createKey, type CredentialKey } from '../../src/credential/key.js';
import { generateSecret } from '../../src/index.js';
import { key } from '../../test/support/keys.js';

/** Keys beside that of the top of the file, and the one whose tokens take the longest to find out. */
export interface KeyRing {
  readonly last: CredentialKey;
  /** The lines for a configuration. */
  readonly more: string;
}

/** @returns a ring of so many keys, with the one at the top of the file */
export function keyRing(count: number): KeyRing {
  const secrets = Array.from({ length: count - 1 }, () => ({
    otpSeed: generateSecret(),
    tokenSecret: generateSecret(),
  }));
  const tables = secrets.map(
    ({ otpSeed, tokenSecret }, index) =>
      `[[keys]]\nid = "key-${index + 1}"\notp_seed = "${otpSeed}"\ntoken_secret = "${tokenSecret}"\n`,
  );
  const last = secrets.at(-1);
  return { last: last === undefined ? key : createKey(last), more: tables.join('') };
}
