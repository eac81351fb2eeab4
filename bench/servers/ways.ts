import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newUser, tokenOf } from '../../test/servers/logins.js';
import type { Prosody } from '../../test/support/prosody.js';
import { hasLuaossl, LUA_HOST, OUR_HOST, PLAIN_HOST } from './machines.js';
import { rawRefusals, type Attempt, type RawLogin } from './raw-login.js';

/** A way in which a password is checked, and the host of the Prosody that does so. */
export interface Way {
  readonly name: string;
  readonly host: string;
}

/** Ours first: the others are what it is measured against. */
export function waysHere(): Way[] {
  return [
    { name: 'mod_auth_xtoken', host: OUR_HOST },
    ...(hasLuaossl() ? [{ name: 'in process, Lua', host: LUA_HOST }] : []),
    { name: 'internal_plain', host: PLAIN_HOST },
  ];
}

/** Gives each login a user and a credential of its own, as a token is good for one login. All hosts get the same. */
export function prepareLogins(prosody: Prosody, host: string, count: number): RawLogin[] {
  const accounts = join(prosody.directory, 'data', host.replaceAll('.', '%2e'), 'accounts');
  if (host === PLAIN_HOST) mkdirSync(accounts, { recursive: true });
  return Array.from({ length: count }, () => {
    const username = newUser();
    const password = tokenOf(`${username}@${host}`);
    // What `prosodyctl register` would write. Prosody reads it when somebody logs in.
    const account = `return { ["password"] = ${JSON.stringify(password)}; };\n`;
    if (host === PLAIN_HOST) writeFileSync(join(accounts, `${username}.dat`), account);
    return { port: prosody.c2sPort, domain: host, username, password };
  });
}

/** @returns attempts with another's token: all is checked, and it is refused */
export function prepareRefusals(prosody: Prosody, host: string, count: number): Attempt[] {
  const logins = prepareLogins(prosody, host, count);
  return logins.map(({ username }) => ({ username, password: tokenOf(`not-${username}@${host}`) }));
}

/** A client that takes everything for a success would be fast. */
export async function assertHonest(prosody: Prosody, host: string): Promise<void> {
  await rawRefusals(prosody.c2sPort, host, prepareRefusals(prosody, host, 2));
}
