import { mintWithKey } from '../credential/mint-with-key.js';
import { findKey } from './configured-key.js';
import { parseTime } from './time.js';
import { UsageError } from './usage-error.js';

/** The options of `xtokend mint`. */
export interface MintCommandOptions {
  readonly config?: string;
  readonly count: string;
  readonly at?: string;
}

const MAX_COUNT = 1_000_000;

/** `xtokend mint JID`: prints tokens, one a line. */
export async function mint(jidText: string, options: MintCommandOptions): Promise<void> {
  const count = parseCount(options.count);
  const now = parseTime(options.at);
  const { jid, key, refusal } = await findKey(jidText, options.config);
  if (key === undefined) throw new UsageError(refusal);
  for (let minted = 0; minted < count; minted += 1) process.stdout.write(`${mintWithKey(key, jid, now)}\n`);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_COUNT) return count;
  throw new UsageError(`--count: expected a whole number from 1 to ${MAX_COUNT}`);
}
