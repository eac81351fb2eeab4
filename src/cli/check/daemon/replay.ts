import { randomBytes } from 'node:crypto';
import { timeStepAt } from '../../../credential/otp.js';
import { messageOf } from '../../../errors.js';
import { quoted } from '../../../quoted.js';
import { chooseStore, storeTypeOf, type ReplaySettings } from '../../../replay/registry.js';
import type { ReplayCache } from '../../../replay/replay-cache.js';
import { nameOfUser } from '../../../system/accounts.js';
import { findExposure } from '../../../system/trusted-path.js';
import { isServiceUser, trustedWith } from '../configuration/trusted-users.js';
import { findings, type Finding } from '../finding.js';
import { statOf } from '../machine/access.js';
import type { Account } from '../machine/accounts.js';
import { rerunAs } from '../rerun.js';
import type { NamedFiles, Situation } from '../situation.js';

const { ok, note, warning, problem } = findings('replay');

/** Tests the replay cache: consumes a test entry twice. Reports what the store guarantees. */
export async function checkReplayCache(situation: Situation): Promise<Finding[]> {
  const { configuration, started } = situation;
  if (configuration === undefined) return [];
  if (started !== undefined && started.directory === undefined && !hasOwnPlace(configuration.replay))
    return [];
  let fallback: string | undefined;
  const store = chooseStore(configuration.replay, (reason) => (fallback = reason));
  const { pathOf, report, test = testOpened, openReplayCache } = storeTypeOf(store);
  const path = pathOf?.(store);
  // Before anything is created there.
  const obstacles = path === undefined ? [] : checkPath(path.directory, path.data, situation);
  if (obstacles.length > 0) return obstacles;
  const { guarantee, isDurable, epoch, wasRemoved = false, formerData = [] } = report(store);
  const found: Finding[] = [];
  const onWarning = (message: string): void => {
    found.push(warning('replay-degraded', message));
  };
  try {
    const isComplete = await test(store, onWarning, consumeTwice);
    if (fallback !== undefined)
      found.push(warning('replay-not-durable', `replay cache is in memory only: ${fallback}`));
    else found.push(isDurable ? ok('replay-ok', guarantee) : warning('replay-not-durable', guarantee));
    if (formerData.length > 0) found.push(formerStore(formerData));
    if (wasRemoved) found.push(warning('replay-removed', REMOVED));
    const message = `for up to 90 s more, tokens from before ${epoch} are refused`;
    if (!isComplete) found.push(note('replay-incomplete', message));
  } catch (error) {
    found.push(unavailable(`the replay cache: ${messageOf(error)}`));
  }
  return found;

  async function testOpened(): Promise<boolean> {
    return consumeTwice(await openReplayCache(store, onWarning));
  }
}

const REMOVED =
  'the replay cache was removed: the next login creates a new one, and tokens from before that are refused for up to 90 s';

/**
 * @param data the part of the directory that holds the replay cache; it may be missing
 */
function checkPath(directory: string, data: string, { started, named }: Situation): Finding[] {
  const prosody = started?.account;
  const owner =
    prosody === undefined ? checkOwner(directory, data, named) : checkUser(directory, prosody, named);
  const users = new Set([...trustedWith(directory), ...(prosody === undefined ? [] : [prosody.uid])]);
  const exposure = findExposure(directory, users);
  if (exposure === undefined) return owner;
  const message = `${exposure.message}, and so can remove the replay cache in ${directory}`;
  return [...owner, unavailable(message, exposure.fix)];
}

/**
 * Only its owner can use a replay cache. Root may read that of a daemon with another user, but a test as root would not show whether
 * the daemon can use it.
 */
function checkOwner(directory: string, data: string, named: NamedFiles): Finding[] {
  if (process.getuid?.() !== 0) return [];
  const uid = (statOf(data) ?? statOf(directory))?.uid ?? 0;
  if (!isServiceUser(uid)) return [];
  const name = nameOfUser(uid);
  const owner = name === undefined ? `a systemd service (uid ${uid})` : `user ${name}`;
  const fix =
    name === undefined
      ? 'see journalctl -u xtokend, or run: xtokend check --request auth:USER:HOST'
      : `run: ${rerunAs(name, named)}`;
  const message = `the replay cache in ${directory} belongs to ${owner} and was not tested: a daemon that runs as root would refuse every token`;
  return [warning('replay-other-owner', message, fix)];
}

/** Returns whether the configuration names a store, or its path, so that it does not depend on the state directory. */
function hasOwnPlace(replay: ReplaySettings): boolean {
  return replay.kind !== 'journal' || replay.otherwise === undefined;
}

/** A test as another user than Prosody's would not show whether the daemon that Prosody starts can use the directory. */
function checkUser(directory: string, { name, uid }: Account, named: NamedFiles): Finding[] {
  if (process.getuid?.() === uid) return [];
  const message = `the replay cache in ${directory} was not tested: Prosody starts xtokend as user ${name}`;
  return [note('replay-other-owner', message, `run: ${rerunAs(name, named)}`)];
}

function unavailable(message: string, fix?: string): Finding {
  return problem('replay-unavailable', `every token would be refused: ${message}`, fix);
}

function formerStore(paths: readonly string[]): Finding {
  const message = `${paths.join(' and ')}: data of the former store "directory", which is not read any more`;
  const remove = `rm -r ${paths.map((path) => quoted(path)).join(' ')}`;
  return warning(
    'replay-former-store',
    message,
    `stop xtokend, wait 90 s, run: ${remove}, then start it again`,
  );
}

const SIGNATURE_BYTES = 32;

/** Returns whether a token of this moment would be accepted. Closes the replay cache. */
async function consumeTwice(cache: ReplayCache): Promise<boolean> {
  const timeStep = timeStepAt(Date.now());
  const use = { id: randomBytes(SIGNATURE_BYTES).toString('latin1'), timeStep };
  try {
    const results = [await cache.consume(use, timeStep), await cache.consume(use, timeStep)];
    if (results.includes('replay-unknown')) return false;
    if (results.join() === 'consumed,replayed') return true;
    throw new Error(`expected the test entry to be consumed once, found: ${results.join(', ')}`);
  } finally {
    await cache.close();
  }
}
