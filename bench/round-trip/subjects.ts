import { resolve } from 'node:path';
import { CClient, type Way } from '../support/c-client.js';
import { thenStopped } from '../support/clean-up.js';
import type { Client } from '../support/client.js';
import { writeConfiguration } from '../support/configuration.js';
import { NodeClient } from '../support/node-client.js';
import { place, placeWithChildren, type Placement } from '../support/placement.js';
import { IS_USER } from '../support/requests.js';
import type { SectionOptions } from '../support/section.js';
import { placesOf, withDaemon, withListener } from '../support/subjects.js';

/** Who asks, and how. */
export interface Case {
  readonly client: 'C' | 'Node';
  readonly transport: Way['transport'];
  readonly placement: Placement;
}

/** Connections to xtokend and to the program in C that answers 1 at once. */
export interface Both {
  readonly ours: Client;
  readonly echo: Client;
}

type TokenUse<Result> = (client: Client) => Promise<Result>;

/** Lends connections of one kind to both programs. */
export function withBoth<Result>(
  options: SectionOptions,
  each: Case,
  action: (both: Both) => Promise<Result>,
): Promise<Result> {
  return withOurs(options, each, (ours) => withEcho(options, each, (echo) => action({ ours, echo })));
}

/** xtokend with all that it has in service: log in a file, metrics, the record in a directory on disk. */
function withOurs<Result>(options: SectionOptions, each: Case, use: TokenUse<Result>): Promise<Result> {
  const settings = { directory: options.directory, recordIn: options.directory };
  const { transport } = each;
  if (transport === 'socket') {
    return withDaemon(settings, ({ path, pid }) => withClient(options, each, { transport, path, pid }, use));
  }
  const env = { XTOKEND_CONFIG: writeConfiguration(placesOf(settings)) };
  return withClient(options, each, { transport, command: [resolve('bin/xtokend')] }, use, env);
}

function withEcho<Result>(options: SectionOptions, each: Case, use: TokenUse<Result>): Promise<Result> {
  const command = [options.programs.echo];
  const { transport } = each;
  if (transport !== 'socket') return withClient(options, each, { transport, command }, use);
  return withListener(options.directory, command, ({ path, pid }) =>
    withClient(options, each, { transport, path, pid }, use),
  );
}

async function withClient<Result>(
  options: SectionOptions,
  each: Case,
  way: Way,
  use: TokenUse<Result>,
  env: NodeJS.ProcessEnv = {},
): Promise<Result> {
  const client = await open(options, each, way, env);
  return thenStopped(
    () => client.close(),
    () => use(client),
  );
}

async function open(
  { programs, directory }: SectionOptions,
  each: Case,
  way: Way,
  env: NodeJS.ProcessEnv,
): Promise<Client> {
  if (each.client === 'Node') return NodeClient.open(directory, way, env);
  const client = new CClient({ program: programs.client, directory, way, env });
  await client.first(IS_USER);
  if (way.transport === 'socket') place(each.placement, client.pid, way.pid);
  else placeWithChildren(each.placement, client.pid);
  return client;
}
