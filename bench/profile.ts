// Where the time of a request goes: `npm run bench:profile [-- REQUESTS]`. By --cpu-prof, which source file computes for how
// long, once for requests in turn and once for many at a time (after as many in turn, to warm up, which are in the profile); by
// strace -c, how many system calls of which kind there are.
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { accepts } from '../test/support/ports.js';
import { end } from '../test/support/processes.js';
import { selfTimes } from './profile/self-times.js';
import { countCalls } from './profile/system-calls.js';
import { CClient } from './support/c-client.js';
import { runToEnd, say, thenStopped, withFolder, withState } from './support/clean-up.js';
import { compile, type Programs } from './support/compile.js';
import { writeConfiguration } from './support/configuration.js';
import { format } from './support/figures.js';
import { requests } from './support/requests.js';
import { placesOf } from './support/subjects.js';
import { table } from './support/table.js';
import { cpuTime } from './support/usage.js';

const REQUESTS = Number(process.argv[2] ?? 20_000);
const START_MILLISECONDS = 10_000;

type Ask = (client: CClient, lines: string) => Promise<unknown>;

const WAYS: Record<string, Ask> = {
  'in turn': (client, lines) => client.turns(lines),
  'many at a time': (client, lines) => client.rateLimiter(lines),
};

await runToEnd(() => withState(() => withFolder(profileIn)));

async function profileIn(directory: string): Promise<void> {
  const programs = compile(directory);
  if (programs === undefined) throw new Error("expected Debian's gcc: the client is in C");
  for (const [name, ask] of Object.entries(WAYS)) await profileWay(programs, directory, name, ask);
}

async function profileWay(programs: Programs, parent: string, name: string, ask: Ask): Promise<void> {
  const plain = await withLoaded(programs, parent, [], async (client, pid) => {
    const before = cpuTime(pid);
    await ask(client, requests(REQUESTS));
    const each = (cpuTime(pid) - before) / REQUESTS;
    const few = Math.ceil(REQUESTS / 10);
    const calls = await countCalls(pid, few, () => ask(client, requests(few)));
    return `${format(each, 1)} µs of CPU a request, when nothing looks on; ${calls}`;
  });
  say(`\n${name}: ${plain}`);
  const directory = mkdtempSync(join(parent, 'profiles-'));
  const profiler = ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', directory];
  await withLoaded(programs, parent, profiler, (client) => ask(client, requests(REQUESTS)));
  const times = selfTimes(directory, 2 * REQUESTS);
  say(
    table(
      ['µs of a request', 'where, by the profile'],
      times.map(([where, time]) => [format(time, 2), where]),
    ),
  );
}

/** Lends a daemon that has warmed up, on what bin/xtokend starts, with options for Node. */
function withLoaded<Result>(
  programs: Programs,
  parent: string,
  nodeOptions: readonly string[],
  action: (client: CClient, pid: number) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(parent, 'profiled-'));
  const path = join(directory, 'xtokend.sock');
  const config = writeConfiguration(placesOf({ directory, recordIn: directory }));
  const command = ['dist/xtokend.cjs', 'serve', '--config', config, '--listen', `unix:${path}`];
  const daemon = spawn(process.execPath, [...nodeOptions, ...command], { stdio: 'ignore' });
  const pid = daemon.pid ?? 0;
  return thenStopped(
    () => end(daemon),
    async () => {
      await listening(path);
      const client = new CClient({
        program: programs.client,
        directory,
        way: { transport: 'socket', path, pid },
      });
      return thenStopped(
        () => client.close(),
        async () => {
          await client.turns(requests(REQUESTS));
          return action(client, pid);
        },
      );
    },
  );
}

async function listening(path: string): Promise<void> {
  const latest = Date.now() + START_MILLISECONDS;
  while (!(await accepts({ path }))) {
    if (Date.now() > latest) throw new Error('expected xtokend to listen');
    await sleep(5);
  }
}
