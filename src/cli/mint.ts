import { mintWithKey } from '../credential/mint.js';
import { isActiveAt, type NamedKey } from '../credential/key.js';
import { findHost } from './configured-host.js';
import { formatTime, parseTime } from './time.js';
import { UsageError } from './usage-error.js';

/** The options of `xtokend mint`. */
export interface MintCommandOptions {
  readonly config?: string;
  readonly count: string;
  readonly at?: string;
  readonly key?: string;
}

const MAX_COUNT = 1_000_000;

/** `xtokend mint JID`: prints tokens, one a line. */
export async function mint(jidText: string, options: MintCommandOptions): Promise<void> {
  const count = parseCount(options.count);
  const now = parseTime(options.at);
  const { jid, settings, refusal } = await findHost(jidText, options.config);
  if (settings === undefined) throw new UsageError(refusal);
  const key = chooseKey(settings.keys, options.key, now);
  if (!isActiveAt(key, now)) process.stderr.write(`${describeRefusal(key, now)}\n`);
  for (let minted = 0; minted < count; minted += 1) process.stdout.write(`${mintWithKey(key, jid, now)}\n`);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_COUNT) return count;
  throw new UsageError(`--count: expected a whole number from 1 to ${MAX_COUNT}`);
}

/** The key that is asked for, else the first that is good then. */
function chooseKey(keys: readonly NamedKey[], id: string | undefined, now: number): NamedKey {
  const key = keys.find((candidate) => (id === undefined ? isActiveAt(candidate, now) : candidate.id === id));
  if (key !== undefined) return key;
  const ids = keys.map((candidate) => candidate.id).join(', ');
  throw new UsageError(
    id === undefined
      ? `no key of this host is good at ${formatTime(now)}, by not_before and not_after: ${ids}`
      : `--key: expected a key of this host: ${ids}`,
  );
}

/** Somebody may want such a token for a test, or for later. */
function describeRefusal({ id, notBefore, notAfter }: NamedKey, now: number): string {
  return notBefore > now
    ? `note: xtokend refuses this: the key "${id}" is not valid before ${formatTime(notBefore)} (not_before)`
    : `note: xtokend refuses this: the key "${id}" is not valid since ${formatTime(notAfter)} (not_after)`;
}
