import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CONFIGURATION, newUser, tokenOf } from '../../test/servers/logins.js';
import { STOCK_CONFIGURATION, stockEnvironment, stockSettings } from '../../test/servers/stock/settings.js';
import { Daemon } from '../../test/support/daemon/daemon.js';
import { replaced } from '../../test/support/documents.js';
import { OTP_SEED, TOKEN_SECRET } from '../../test/support/keys.js';
import {
  exampleFor,
  isInstalled,
  LPTY_DIRECTORY,
  Prosody,
  releases,
  type ProsodyRelease,
} from '../../test/support/servers/prosody.js';
import { defer, temporaryDirectory } from '../support/clean-up.js';
import { MissingProgramError } from '../support/programs.js';
import type { Login } from './raw-login.js';

/** A provider that checks passwords, and the host that uses it. */
export interface Provider {
  readonly name: string;
  readonly host: string;
}

export const OURS: Provider = { name: 'mod_auth_xtoken', host: 'example.com' };
const IN_PROCESS: Provider = { name: 'in process, Lua', host: 'lua.example' };
const PLAIN: Provider = { name: 'internal_plain', host: 'plain.example' };
export const PROVIDERS: readonly Provider[] = [OURS, IN_PROCESS, PLAIN];

/** How long a login waits for xtokend, with our module and with the stock one. */
const TIMEOUT_SECONDS = 2;

/** @throws MissingProgramError if no Prosody or no openssl for Lua is installed */
export function installedReleases(): ProsodyRelease[] {
  const installed = releases.filter(isInstalled);
  if (installed.length === 0) throw new MissingProgramError("expected a Prosody: install Debian's prosody");
  if (spawnSync('lua5.4', ['-e', 'require "openssl.hmac"']).status !== 0) {
    throw new MissingProgramError("expected openssl for Lua 5.4: install Debian's lua-luaossl");
  }
  return installed;
}

/** Starts a Prosody that has a host for each provider, and the daemon of the first. */
export async function startOurs(release: ProsodyRelease): Promise<{ prosody: Prosody; daemon: Daemon }> {
  const daemon = new Daemon(CONFIGURATION);
  defer(() => daemon.remove());
  await daemon.start();
  const modules = `"${resolve('prosody')}"`;
  const example = replaced(
    exampleFor(daemon.socketPath),
    modules,
    `${modules}, "${resolve('bench/servers')}"`,
  );
  const prosody = await Prosody.start({
    release,
    configuration: `${logTo(dirname(daemon.socketPath))}\n${example}`,
    settings: `xtoken_timeout = ${TIMEOUT_SECONDS}`,
    more: `VirtualHost "${PLAIN.host}" authentication = "internal_plain"
      VirtualHost "${IN_PROCESS.host}" authentication = "token_in_process"
      otp_seed = "${OTP_SEED}"
      token_secret = "${TOKEN_SECRET}"`,
  });
  defer(() => prosody.stop());
  return { prosody, daemon };
}

/** Starts a Prosody that runs xtokend on a terminal, as docs/prosody-stock-module.md describes. */
export async function startStock(release: ProsodyRelease, more: string = ''): Promise<Prosody> {
  if (!existsSync(LPTY_DIRECTORY))
    throw new MissingProgramError('expected lpty for Lua 5.4: run sh scripts/test-servers');
  const directory = temporaryDirectory();
  const config = join(directory, 'xtokend.toml');
  writeFileSync(config, STOCK_CONFIGURATION, { mode: 0o600 });
  const configuration = `${logTo(directory)}\n${stockSettings(TIMEOUT_SECONDS)}`;
  const prosody = await Prosody.start({ release, configuration, more, env: stockEnvironment(config) });
  defer(() => prosody.stop());
  return prosody;
}

/** Logs as much as an installed Prosody. The tests' level debug would cost more than what is measured. */
function logTo(directory: string): string {
  return `log = { info = "${directory}/prosody.log" }`;
}

/** Returns logins that will be accepted, each of another user. */
export function validLogins(prosody: Prosody, { host }: Provider, count: number): Login[] {
  const accounts = join(prosody.directory, 'data', host.replaceAll('.', '%2e'), 'accounts');
  if (host === PLAIN.host) mkdirSync(accounts, { recursive: true });
  return Array.from({ length: count }, () => {
    const username = newUser();
    const password = tokenOf(`${username}@${host}`);
    // The file that `prosodyctl register` would write.
    const account = `return { ["password"] = ${JSON.stringify(password)}; };\n`;
    if (host === PLAIN.host) writeFileSync(join(accounts, `${username}.dat`), account);
    return { port: prosody.c2sPort, domain: host, username, password };
  });
}

/** Returns logins with another user's token, which only a full check refuses. */
export function invalidLogins(prosody: Prosody, provider: Provider, count: number): Login[] {
  return validLogins(prosody, provider, count).map((login) => ({
    ...login,
    password: tokenOf(`not-${login.username}@${provider.host}`),
  }));
}
