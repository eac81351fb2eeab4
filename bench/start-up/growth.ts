import { CClient } from '../support/c-client.js';
import { thenStopped } from '../support/clean-up.js';
import { format } from '../support/figures.js';
import { IS_USER, requests } from '../support/requests.js';
import type { SectionOptions } from '../support/section.js';
import { withDaemon, type Listener } from '../support/subjects.js';
import { markdownTable } from '../support/table.js';
import { descriptorsOf, memoryOf } from '../support/usage.js';

const HEAD = ['logins', 'MB', 'above idle', 'descriptors'];
const BATCH = 25_000;
const SHARED_MEMORY = '/dev/shm';
/** After so many thousands of logins it is looked at. The last is to show that nothing grows any more. */
const MARKS = [0, 100, 250, 500, 750, 1000, 1200];

/**
 * @returns how much memory a daemon has after many logins. The record is in a directory, as by default, on tmpfs; one in the memory
 *   grows by what is logged in with within three minutes.
 */
export function measureGrowth(options: SectionOptions): Promise<string> {
  const marks = options.isSmoke ? [0, 0.1] : MARKS;
  return withDaemon({ directory: options.directory, recordIn: SHARED_MEMORY }, (daemon) =>
    observe(
      options,
      daemon,
      marks.map((mark) => mark * 1000),
    ),
  );
}

async function observe(
  { programs, directory }: SectionOptions,
  daemon: Listener,
  marks: readonly number[],
): Promise<string> {
  const client = new CClient({
    program: programs.client,
    directory,
    way: { transport: 'socket', ...daemon },
  });
  return thenStopped(
    () => client.close(),
    async () => {
      await client.first(IS_USER);
      const idle = memoryOf(daemon.pid).now;
      const rows: string[][] = [];
      let done = 0;
      for (const mark of marks) {
        while (done < mark) done += await logIn(client, Math.min(BATCH, mark - done));
        const { now } = memoryOf(daemon.pid);
        rows.push([
          format(done, 0),
          format(now, 1),
          format(now - idle, 1),
          String(descriptorsOf(daemon.pid)),
        ]);
      }
      return markdownTable(HEAD, rows);
    },
  );
}

/** As Prosody asks: whether somebody exists, and then whether the password is right. */
async function logIn(client: CClient, count: number): Promise<number> {
  const lines = requests(count).replaceAll(/^(?=auth)/gm, `${IS_USER}\n`);
  const { answers } = await client.rateLimiter(lines);
  if (answers !== '1\n'.repeat(2 * count)) throw new Error(`expected ${count} logins to be accepted`);
  return count;
}
