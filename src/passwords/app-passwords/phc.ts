/** The cost parameters of scrypt (RFC 7914, section 2). */
export interface ScryptParameters {
  /** The binary logarithm of N. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** A hashed password. */
export interface ScryptHash {
  readonly parameters: ScryptParameters;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** The parameters of new hashes: 16 MiB of memory, and about 50 ms. */
export const DEFAULT_PARAMETERS: ScryptParameters = { ln: 14, r: 8, p: 1 };

/** The length of the longest hash, in bytes. */
export const MAX_HASH_BYTES = 64;
const MIN_HASH_BYTES = 16;
const MAX_SALT_BYTES = 64;
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;
/** 128·N·r·p: eight times the work of the default parameters, about half a second. */
const MAX_WORK_BYTES = 128 * 1024 * 1024;

const PHC =
  /^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d{0,5}),p=([1-9]\d?)\$([A-Za-z0-9+/]{1,90})\$([A-Za-z0-9+/]{1,90})$/;

/**
 * Parses a hash in the PHC string format: `$scrypt$ln=14,r=8,p=1$SALT$HASH`, with base64 without padding. Each hash has one spelling.
 *
 * @throws {Error} whose message says what was expected, and repeats nothing of the text
 */
export function parseHash(text: string): ScryptHash {
  const [, ln, r, p, salt, hash] = PHC.exec(text) ?? [];
  if (salt === undefined || hash === undefined) {
    throw new Error('expected $scrypt$ln=14,r=8,p=1$SALT$HASH, with base64 without padding');
  }
  const parameters = { ln: Number(ln), r: Number(r), p: Number(p) };
  assertAffordable(parameters);
  return {
    parameters,
    salt: parseBytes('salt', salt, 1, MAX_SALT_BYTES),
    hash: parseBytes('hash', hash, MIN_HASH_BYTES, MAX_HASH_BYTES),
  };
}

/** Formats a hash: the inverse of {@link parseHash}. */
export function formatHash({ parameters: { ln, r, p }, salt, hash }: ScryptHash): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`;
}

function assertAffordable({ ln, r, p }: ScryptParameters): void {
  const memory = 128 * 2 ** ln * r;
  if (memory > MAX_MEMORY_BYTES) {
    throw new Error(`expected scrypt to need at most ${MAX_MEMORY_BYTES} bytes (128·N·r), found ${memory}`);
  }
  if (memory * p > MAX_WORK_BYTES) {
    throw new Error(
      `expected scrypt to do at most ${MAX_WORK_BYTES} bytes of work (128·N·r·p), found ${memory * p}`,
    );
  }
  // RFC 7914, section 2: N is less than 2^(128·r/8).
  if (ln >= 16 * r) throw new Error(`expected ln to be less than 16·r, found ln=${ln} and r=${r}`);
}

function parseBytes(name: string, text: string, least: number, most: number): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (base64(bytes) !== text) throw new Error(`expected the ${name} in base64 without padding`);
  if (bytes.length < least || bytes.length > most) {
    throw new Error(`expected a ${name} of ${least} to ${most} bytes, found ${bytes.length}`);
  }
  return bytes;
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
