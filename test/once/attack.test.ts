import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { Attack, shuffle } from '../support/attack/attack.js';
import { Disruptions } from '../support/attack/disruptions.js';
import { temporaryDirectory, temporaryFile } from '../support/directory.js';
import { SECRETS } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { Clock } from '../support/system/clock.js';
import { mountTmpfs } from '../support/system/mounts.js';

/** For trials by hand: a larger number, and a mount point of another file system. Of a directory, one is made by `mount --bind`. */
const REQUESTS = Number(process.env['XTOKEND_TEST_ATTACK_REQUESTS'] ?? 10_000);
const DIRECTORY = process.env['XTOKEND_TEST_ATTACK_DIRECTORY'];
const REQUESTS_PER_EVENT = 200;
const TIMEOUT = 60_000 + 5 * REQUESTS;

/** @param state an empty directory. @param isMount whether it is a mount point of this test */
async function attack(context: TestContext, state: string, isMount: boolean): Promise<void> {
  const clock = Clock.create();
  requirePackage(context, clock !== undefined, 'gcc');
  if (clock === undefined) return;
  const attack = new Attack(temporaryFile(`${SECRETS}[replay]\npath = "${state}"\n`), clock);
  onTestFinished(() => attack.stop());
  const disruptions = new Disruptions(state);
  const events = eventsOf(attack, disruptions, isMount);
  let due: typeof events = [];
  await attack.answers(1);
  while (attack.counts.requests < REQUESTS) {
    await attack.answers(Math.floor(Math.random() * 2 * REQUESTS_PER_EVENT));
    if (due.length === 0) due = shuffle(events);
    await due.pop()?.();
  }
  await attack.finish();
  const counts = { ...attack.counts, ...disruptions.counts };
  if (DIRECTORY !== undefined) process.stderr.write(`${JSON.stringify(counts)}\n${attack.summary()}\n`);
  expect(attack.faults.join('\n\n')).toBe('');
  expect(counts).toMatchObject({ acceptedTwice: 0, crashes: 0 });
  expect(counts.accepted).toBeGreaterThan(REQUESTS / 50);
}

/** Returns what may happen, each as often as it is in the list. */
function eventsOf(
  attack: Attack,
  disruptions: Disruptions,
  isMount: boolean,
): (() => Promise<void> | void)[] {
  const kill = (): Promise<void> => attack.replace('kill');
  const jumpAhead = (): void => {
    attack.jumpAhead();
  };
  return [
    ...[kill, kill, kill, kill, kill],
    (): Promise<void> => attack.replace('terminate'),
    ...[jumpAhead, jumpAhead, jumpAhead],
    (): void => {
      attack.jumpBack();
    },
    (): void => {
      attack.jumpNear();
    },
    async (): Promise<void> => {
      await attack.during('move away and back', () => disruptions.moveAwayAndBack());
      attack.jumpAhead();
    },
    async (): Promise<void> => {
      // A new replay cache refuses all time steps until now. Later ones, which a wrong clock used, it does not know.
      attack.jumpAhead();
      await attack.answers(REQUESTS_PER_EVENT);
      await attack.during('move for good', () => {
        disruptions.moveForGood();
      });
      await attack.answers(REQUESTS_PER_EVENT);
      attack.jumpAhead();
      disruptions.removeMoved();
    },
    (): Promise<void> => attack.during('full', () => disruptions.fill()),
    (): Promise<void> => attack.during('no inodes', () => disruptions.useInodes()),
    (): Promise<void> => attack.during('immutable', () => disruptions.makeImmutable()),
    ...(isMount ? [(): Promise<void> => remountWhileStopped(attack, disruptions)] : []),
  ];
}

async function remountWhileStopped(attack: Attack, disruptions: Disruptions): Promise<void> {
  await attack.whileStopped(() => {
    disruptions.remount('ro');
  });
  await attack.answers(REQUESTS_PER_EVENT);
  await sleep(Math.random() * 100);
  await attack.whileStopped(() => {
    disruptions.remount('rw');
  });
}

describe('processes that are killed while clock and file system change', { timeout: TIMEOUT }, () => {
  it('never accept a token twice', async (context) => {
    await attack(context, DIRECTORY ?? temporaryDirectory(), DIRECTORY !== undefined);
  });

  it.skipIf(DIRECTORY !== undefined)('never accept a token twice on a small file system', async (context) => {
    const directory = mountTmpfs('size=4m,nr_inodes=500');
    requirePackage(context, directory !== undefined, 'mount (as root)');
    await attack(context, directory ?? '', true);
  });
});
