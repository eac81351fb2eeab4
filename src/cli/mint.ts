import { isActiveAt, type NamedKey } from '../credential/key.js';
import { mintWithKey } from '../credential/mint.js';
import { findHost } from './shared/login.js';
import { formatTime, parseTime } from './shared/time.js';
import { UsageError } from './shared/usage-error.js';

/** The options of `xtokend mint`. */
export interface MintCommandOptions {
  readonly config?: string;
  readonly count: string;
  readonly at?: string;
  readonly key?: string;
}

const MAX_COUNT = 1_000_000;

/** `xtokend mint JID`: prints tokens, one per line. */
export async function mint(jidText: string, options: MintCommandOptions): Promise<void> {
  const count = parseCount(options.count);
  const now = parseTime(options.at);
  const { jid, settings, refusal } = await findHost(jidText, options.config);
  if (settings === undefined) throw new UsageError(refusal);
  const key = chooseKey(settings.keys, options.key, now);
  // Not an error, because the token can be for a test, or for later.
  if (!isActiveAt(key, now)) {
    const { id, notBefore, notAfter } = key;
    const period =
      notBefore > now
        ? `from ${formatTime(notBefore)} on (not_before)`
        : `until ${formatTime(notAfter)} (not_after)`;
    process.stderr.write(`note: xtokend refuses this token: the key "${id}" is active only ${period}\n`);
  }
  for (let minted = 0; minted < count; minted += 1) process.stdout.write(`${mintWithKey(key, jid, now)}\n`);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_COUNT) return count;
  throw new UsageError(`--count: expected a whole number from 1 to ${MAX_COUNT}`);
}

/** Returns the key with this id, or the first active one if there is no id. */
function chooseKey(keys: readonly NamedKey[], id: string | undefined, now: number): NamedKey {
  const key = keys.find((candidate) => (id === undefined ? isActiveAt(candidate, now) : candidate.id === id));
  if (key !== undefined) return key;
  const ids = keys.map((candidate) => candidate.id).join(', ');
  throw new UsageError(
    id === undefined
      ? `no key of this host is active at ${formatTime(now)} (not_before, not_after). Choose one with --key: ${ids}`
      : `--key: expected a key of this host: ${ids}`,
  );
}
