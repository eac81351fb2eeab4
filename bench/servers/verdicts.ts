import { BAD_CREDENTIALS, CONFIGURATION, newUser, tokenOf } from '../../test/servers/logins.js';
import { Ejabberd, hasEjabberd } from '../../test/support/ejabberd.js';
import type { ProsodyRelease } from '../../test/support/prosody.js';
import { login, type Transport } from '../../test/support/xmpp-login.js';
import { thenStopped } from '../support/clean-up.js';
import { OUR_HOST, withOurs } from './machines.js';

export const VERDICT_HEAD: readonly string[] = [
  'server',
  'mechanism',
  'transport',
  'a minted token',
  'the same again',
  ...BAD_CREDENTIALS.map(([name]) => name),
];

/** What a server says to each case, on one way to it. */
export interface Verdicts {
  readonly way: readonly [server: string, mechanism: Mechanism, transport: Transport];
  readonly results: readonly string[];
}

type Mechanism = 'PLAIN' | 'X-TOKEN';
type AddressOf = (transport: Transport) => string;

const TRANSPORTS = ['TCP', 'WebSocket'] as const;
const EXPECTED = ['accepted', ...Array.from({ length: BAD_CREDENTIALS.length + 1 }, () => 'not-authorized')];

/** @returns the verdicts of real clients' logins to each Prosody, and to ejabberd, which knows PLAIN only */
export async function seeVerdicts(releases: readonly ProsodyRelease[]): Promise<Verdicts[]> {
  const decisions: Verdicts[] = [];
  for (const release of releases) {
    await withOurs(release, async ({ prosody }) => {
      const addressOf: AddressOf = (transport) => prosody.service(transport);
      for (const mechanism of ['PLAIN', 'X-TOKEN'] as const) {
        decisions.push(...(await verdictsOf(release.name, mechanism, addressOf)));
      }
    });
  }
  if (hasEjabberd()) decisions.push(...(await seeEjabberd()));
  return decisions;
}

/** @throws where anything but a minted token, once, was accepted, or that was refused */
export function assertExpected(decisions: readonly Verdicts[]): void {
  const wrong = decisions.filter(({ results }) => results.join() !== EXPECTED.join());
  if (wrong.length > 0) {
    throw new Error(
      `expected ${EXPECTED.join(', ')} from ${wrong.map(({ way }) => way.join(' ')).join('; ')}`,
    );
  }
}

async function seeEjabberd(): Promise<Verdicts[]> {
  const ejabberd = await Ejabberd.start({ pools: { [OUR_HOST]: 1 }, configuration: CONFIGURATION });
  return thenStopped(
    () => ejabberd.stop(),
    () => verdictsOf('ejabberd', 'PLAIN', (transport) => ejabberd.service(transport)),
  );
}

async function verdictsOf(server: string, mechanism: Mechanism, addressOf: AddressOf): Promise<Verdicts[]> {
  const decisions: Verdicts[] = [];
  for (const transport of TRANSPORTS) {
    const tryLogin = async (username: string, password: string): Promise<string> => {
      const service = addressOf(transport);
      const result = await login({ service, domain: OUR_HOST, username, password, mechanism });
      return result.decision === 'accepted' ? 'accepted' : result.condition;
    };
    decisions.push({ way: [server, mechanism, transport], results: await tryAll(tryLogin) });
  }
  return decisions;
}

async function tryAll(tryLogin: (username: string, password: string) => Promise<string>): Promise<string[]> {
  const user = newUser();
  const token = tokenOf(`${user}@${OUR_HOST}`);
  const results = [await tryLogin(user, token), await tryLogin(user, token)];
  for (const [, , passwordOf] of BAD_CREDENTIALS) {
    const other = newUser();
    results.push(await tryLogin(other, passwordOf(`${other}@${OUR_HOST}`)));
  }
  return results;
}
