import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { mintToken } from '../../src/index.js';
import { Clock } from '../support/system/clock.js';
import { temporaryFile, temporaryDirectory } from '../support/directory.js';
import { OTP_SEED, SECRETS, TOKEN_SECRET } from '../support/keys.js';
import { requirePackage } from '../support/run/requirements.js';
import { startXtokend } from '../support/xtokend.js';

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;
/** The clock is right every two minutes: tokens whose entries a wrong clock deleted are refused for at most that long. */
const OFFSETS = [0, HOUR_SECONDS, 120, -HOUR_SECONDS, 240, 365 * DAY_SECONDS, 360, -DAY_SECONDS, 480];

type Ask = (token: string) => Promise<string>;

function start(clock: Clock, config: string): Ask {
  const child = startXtokend([], { XTOKEND_CONFIG: config, ...clock.env });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  child.stderr.resume();
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  return async (token) => {
    child.stdin.write(`auth:a:b:${token}\n`);
    return String((await answers.next()).value);
  };
}

function prepare(context: TestContext): { clock: Clock; config: string } {
  const clock = Clock.create();
  requirePackage(context, clock !== undefined, 'gcc');
  if (clock === undefined) throw new Error('skipped');
  return { clock, config: temporaryFile(`${SECRETS}[replay]\npath = "${temporaryDirectory()}"\n`) };
}

const mint = (clock: Clock): string =>
  mintToken({ jid: 'a@b', otpSeed: OTP_SEED, tokenSecret: TOKEN_SECRET, now: new Date(clock.now()) });

describe('a clock that is set forwards and backwards', { timeout: 60_000 }, () => {
  it.for(['one process', 'a new process each time'])(
    'never makes a used token acceptable again, and refuses no new token once it is right: %s',
    async (processes, context) => {
      const { clock, config } = prepare(context);
      const used: string[] = [];
      let ask = start(clock, config);
      for (const offset of OFFSETS) {
        clock.set(offset);
        if (processes !== 'one process') ask = start(clock, config);
        const token = mint(clock);
        expect(await ask(token)).toBe('1');
        used.push(token);
        for (const old of used) expect(await ask(old)).toBe('0');
      }
    },
  );
});
