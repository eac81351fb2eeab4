import { loadConfiguration } from '../config/load.js';
import { normalizeJid } from '../credential/jid/jid.js';
import { XtokendError } from '../errors.js';
import { startedDirectory } from './shared/daemon-stores.js';
import { hostOf, type ConfiguredHost } from './shared/login.js';
import { openRevocationStores, readLatest, type NamedRevocationStore } from './shared/revocation-stores.js';
import { formatTime } from './shared/time.js';
import { UsageError } from './shared/usage-error.js';

/** The options of `xtokend revoke`. */
export interface RevokeOptions {
  readonly config?: string;
  /** The configuration of Prosody, whose module may start a daemon. */
  readonly prosody: string;
  /** Lets the user log in again. */
  readonly undo?: boolean;
  /** Prints who is revoked instead. */
  readonly list?: boolean;
}

/** A user who cannot be revoked: `code` is `'cannot-revoke'`. */
class RevokeError extends XtokendError {
  constructor(reason: string) {
    super('cannot-revoke', reason);
  }
}

/**
 * `xtokend revoke`: blocks a user on every machine that shares the store of the replay cache. The daemons read that by themselves.
 *
 * @param jid `undefined` with `--list`
 * @throws {@link RevokeError} if there is no store, or nothing to undo; {@link ReplayCacheError} if the store can't be used;
 *   {@link UsageError}, {@link InvalidJidError}, and what `loadConfiguration` throws
 */
export async function revoke(jid: string | undefined, options: RevokeOptions): Promise<void> {
  const { config, prosody, undo = false, list = false } = options;
  if (list ? jid !== undefined || undo : jid === undefined) {
    throw new UsageError('expected a JID such as alice@example.com, or --list');
  }
  const configuration = await loadConfiguration(config, process.env);
  const { replay, file } = configuration;
  const stores = await openRevocationStores(replay, process.env, () =>
    startedDirectory(prosody, process.env),
  );
  try {
    if (stores.length === 0) throw new RevokeError(explainMissing(replay.kind, file));
    if (jid === undefined) await printRevoked(stores);
    else await revokeUser(stores, hostOf(normalizeJid(jid), configuration), undo);
  } finally {
    await Promise.all(stores.map(({ store }) => store.close()));
  }
}

async function revokeUser(
  stores: readonly NamedRevocationStore[],
  { jid, settings, refusal }: ConfiguredHost,
  undo: boolean,
): Promise<void> {
  if (settings === undefined) throw new RevokeError(refusal);
  const before = (await readLatest(stores)).get(jid);
  if (undo && before?.isBlocked !== true) throw new RevokeError(`${jid} is not revoked; nothing to undo`);
  const revokedAt = undo ? (before?.revokedAt ?? 0) : Date.now();
  for (const { store } of stores) {
    await store.add({ jid, revokedAt, isBlocked: !undo });
  }
  const unused = stores.filter(({ isUsed }) => !isUsed).map(({ place }) => place);
  if (!undo && unused.length > 0) process.stderr.write(describeUnused(unused.join(' and ')));
  const places = stores.map(({ place }) => place).join(' and ');
  process.stdout.write(undo ? describeUndone(jid, places) : describeRevoked(jid, places));
}

function describeRevoked(jid: string, places: string): string {
  return `Revoked ${jid} in ${places}.
xtokend refuses this name from now on. It doesn't check whether there is such a user, so check the spelling.
On Prosody with mod_auth_xtoken, open sessions end within 5 s, and earlier FAST tokens are void. On other servers, end the sessions
yourself. To undo this: xtokend revoke --undo ${jid}
`;
}

function describeUnused(places: string): string {
  return `xtokend: no login has used ${places} yet. If the log of xtokend says "replay cache is in memory only", or names another directory, this revocation has no effect: run xtokend check\n`;
}

function describeUndone(jid: string, places: string): string {
  return `${jid} is no longer revoked in ${places}, and can log in with a new token. Earlier FAST tokens stay void.\n`;
}

async function printRevoked(stores: readonly NamedRevocationStore[]): Promise<void> {
  const revoked = [...(await readLatest(stores)).values()].filter(({ isBlocked }) => isBlocked);
  for (const { jid, revokedAt } of revoked) process.stdout.write(`${formatTime(revokedAt)} ${jid}\n`);
}

function explainMissing(kind: string, file: string): string {
  return kind === 'memory'
    ? `expected [replay] store = "journal" or "redis" in ${file}; with "memory", no other process can reach the daemon. Add the user to the file of blocked_users instead`
    : `expected the state directory of xtokend, found none. Start xtokend, and log in once, to create it. Or add the user to the file of blocked_users in ${file}`;
}
